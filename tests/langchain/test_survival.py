"""Interrupted streams in LangChain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from langchain_core.exceptions import ModelConnectionError
from langchain_core.messages import AIMessageChunk

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral.errors import StreamInterruptedError
from portkey_mistral import StreamInterruptedError as CoreError
from portkey_mistral.sandbox import Fault, get, reset
from survival import BREAKS, TEXT, broken, connection, together


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def streamed(chat: ChatPortkeyMistral) -> AIMessageChunk:
    chunks = list(chat.stream("Tell."))
    return sum(chunks[1:], chunks[0])  # type: ignore[return-value]


def astreamed(chat: ChatPortkeyMistral) -> AIMessageChunk:
    async def run() -> AIMessageChunk:
        chunks = [chunk async for chunk in chat.astream("Tell.")]
        return sum(chunks[1:], chunks[0])  # type: ignore[return-value]

    return asyncio.run(run())


BOTH = pytest.mark.parametrize("ask", [streamed, astreamed])
Ask = Callable[[ChatPortkeyMistral], AIMessageChunk]


@BOTH
def test_a_resumed_stream_is_complete_wherever_it_broke_off(ask: Ask) -> None:
    names = []
    for event in range(TEXT.count(" ") + 4):
        for kind, fault in enumerate(BREAKS):
            names.append(f"lc-{event}-{kind}")
            broken(names[-1], fault(event))
    answers = together(
        lambda name: ask(ChatPortkeyMistral(on_interrupt="resume", **connection(name))), names
    )
    assert {answer.content for answer in answers} == {TEXT}
    assert {answer.response_metadata["finish_reason"] for answer in answers} == {"stop"}
    assert all(answer.usage_metadata for answer in answers)
    estimated = [answer for answer in answers if answer.response_metadata.get("usage_estimated")]
    assert len(estimated) >= 0.8 * len(answers)


@BOTH
def test_an_interruption_has_the_partial_answer(ask: Ask) -> None:
    broken("lc", Fault(cut_after=4))
    with pytest.raises(StreamInterruptedError) as caught:
        ask(ChatPortkeyMistral(**connection("lc")))
    error = caught.value
    assert isinstance(error, ModelConnectionError)
    assert isinstance(error, CoreError)
    assert error.partial is not None
    assert error.partial.text == "Où étiez-vous ?"
    assert error.usage is not None
    assert error.usage.estimated
    assert len(get("lc").requests) == 1


@BOTH
def test_a_stream_with_tools_is_never_resumed(ask: Ask) -> None:
    broken("lc", Fault(cut_after=4))

    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    chat = ChatPortkeyMistral(on_interrupt="resume", **connection("lc"))
    with pytest.raises(StreamInterruptedError, match="the request sets tools"):
        ask(chat.bind_tools([look_up]))  # type: ignore[arg-type]
    assert len(get("lc").requests) == 1


@BOTH
@pytest.mark.parametrize(
    ("limit", "fault", "name"),
    [
        ("first_token_timeout", Fault(stall_after=0, stall_seconds=30), "APITimeoutError"),
        ("idle_timeout", Fault(stall_after=4, stall_seconds=30), "StreamInterruptedError"),
    ],
)
def test_stream_timeouts(ask: Ask, limit: str, fault: Fault, name: str) -> None:
    get("lc").reply(TEXT)
    get("lc").inject(fault)
    chat = ChatPortkeyMistral(base_url="sandbox:lc", max_retries=0, **{limit: 0.2})
    with pytest.raises(CoreError if "Stream" in name else Exception, match=limit) as caught:
        ask(chat)
    assert type(caught.value).__name__ == name

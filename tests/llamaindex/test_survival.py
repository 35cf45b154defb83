"""Interrupted streams in LlamaIndex."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from llama_index.core.llms import ChatMessage, ChatResponse

from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral import APITimeoutError, StreamInterruptedError
from portkey_mistral.sandbox import Fault, get, reset
from survival import BREAKS, TEXT, broken, connection, together

ASK = [ChatMessage(role="user", content="Tell.")]


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def streamed(llm: PortkeyMistral) -> tuple[str, ChatResponse]:
    answers = list(llm.stream_chat(ASK))
    return "".join(answer.delta or "" for answer in answers), answers[-1]


def astreamed(llm: PortkeyMistral) -> tuple[str, ChatResponse]:
    async def run() -> tuple[str, ChatResponse]:
        answers = [answer async for answer in await llm.astream_chat(ASK)]
        return "".join(answer.delta or "" for answer in answers), answers[-1]

    return asyncio.run(run())


Ask = Callable[[PortkeyMistral], tuple[str, ChatResponse]]
BOTH = pytest.mark.parametrize("ask", [streamed, astreamed])


@BOTH
def test_a_stream_resumed_at_any_event_is_complete(ask: Ask) -> None:
    names = []
    for event in range(TEXT.count(" ") + 4):
        for kind, fault in enumerate(BREAKS):
            names.append(f"li-{event}-{kind}")
            broken(names[-1], fault(event))
    answers = together(
        lambda name: ask(PortkeyMistral(on_interrupt="resume", **connection(name))), names
    )
    assert {joined for joined, _ in answers} == {TEXT}
    assert {answer.message.content for _, answer in answers} == {TEXT}


@BOTH
def test_an_interruption_carries_the_partial_answer(ask: Ask) -> None:
    broken("li", Fault(cut_after=4))
    with pytest.raises(StreamInterruptedError) as caught:
        ask(PortkeyMistral(**connection("li")))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Où étiez-vous ?"
    assert caught.value.usage is not None
    assert caught.value.usage.estimated
    assert len(get("li").requests) == 1


@BOTH
@pytest.mark.parametrize(
    ("limit", "fault", "error"),
    [
        ("first_token_timeout", Fault(stall_after=0, stall_seconds=30), APITimeoutError),
        ("idle_timeout", Fault(stall_after=4, stall_seconds=30), StreamInterruptedError),
    ],
)
def test_stream_timeouts(ask: Ask, limit: str, fault: Fault, error: type[Exception]) -> None:
    get("li").reply(TEXT)
    get("li").inject(fault)
    with pytest.raises(error, match=limit):
        ask(PortkeyMistral(base_url="sandbox:li", max_retries=0, **{limit: 0.2}))

"""`ChatPortkeyMistral` as LangChain runs it: streams, callbacks, and the release of resources."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral.exceptions import PortkeyMistralError
from scripted import Network, answer, answers, network, sse, stream

WORDS = stream(*({"content": word} for word in ("One", " two", " three")))
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


class Recorder(BaseCallbackHandler):
    """Records what LangChain reports of a run."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.results: list[LLMResult] = []
        self.errors: list[BaseException] = []

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        self.results.append(response)

    def on_llm_error(self, error: BaseException, **_: Any) -> None:
        self.errors.append(error)


def model(wire: Network | None = None, **fields: Any) -> ChatPortkeyMistral:
    wire = wire or network(*[WORDS] * 3)
    return ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", max_retries=0, **wire.clients, **fields
    )


def open_stream(
    chat: Runnable[Any, Any], *, asynchronous: bool, **config: Any
) -> Iterator[Any] | AsyncIterator[Any]:
    options: Any = RunnableConfig(**config)
    return chat.astream("go", options) if asynchronous else chat.stream("go", options)


async def collect(chunks: Iterator[Any] | AsyncIterator[Any]) -> list[AIMessageChunk]:
    if isinstance(chunks, AsyncIterator):
        return [chunk async for chunk in chunks]
    return list(chunks)


@both
@pytest.mark.parametrize("registered", ["on the call", "on the model"])
async def test_callbacks_get_every_chunk_and_the_whole_answer(
    registered: str, asynchronous: bool
) -> None:
    recorder = Recorder()
    on_call = registered == "on the call"
    chat = model(callbacks=None if on_call else [recorder])
    config = {"callbacks": [recorder]} if on_call else {}
    chunks = await collect(open_stream(chat, asynchronous=asynchronous, **config))
    assert recorder.tokens == [chunk.content for chunk in chunks] == ["One", " two", " three", ""]
    (result,) = recorder.results
    assert result.generations[0][0].text == "One two three"
    assert result.generations[0][0].generation_info == {"finish_reason": "stop"}


@both
async def test_callbacks_get_the_error_of_a_stream(asynchronous: bool) -> None:
    failed = {"object": "error", "message": "no", "type": "server_error", "code": "1"}
    first = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "One"}}]}
    recorder = Recorder()
    chat = model(network(sse([first, failed])))
    with pytest.raises(PortkeyMistralError) as raised:
        await collect(open_stream(chat, asynchronous=asynchronous, callbacks=[recorder]))
    assert recorder.errors == [raised.value]
    assert recorder.tokens == ["One"]


@both
async def test_the_usage_callback_counts_a_stream(asynchronous: bool) -> None:
    with get_usage_metadata_callback() as usage:
        await collect(open_stream(model(), asynchronous=asynchronous))
    assert usage.usage_metadata["mistral-small-2603"]["total_tokens"] == 15


@both
async def test_bound_arguments_are_sent(asynchronous: bool) -> None:
    wire = network(WORDS)
    bound = model(wire).bind(stop=["."], temperature=0.1, timeout=3)
    await collect(open_stream(bound, asynchronous=asynchronous))
    (body,) = wire.bodies
    assert (body["stop"], body["temperature"], body["stream"]) == (["."], 0.1, True)


@both
async def test_nothing_is_sent_before_the_first_chunk_is_requested(asynchronous: bool) -> None:
    wire = network(WORDS)
    chunks: Any = open_stream(model(wire), asynchronous=asynchronous)
    if asynchronous:
        await chunks.aclose()
    else:
        chunks.close()
    assert await collect(chunks) == []
    assert wire.requests == []


@both
async def test_closing_a_stream_frees_its_concurrency_slot(asynchronous: bool) -> None:
    chat = model(max_concurrency=1)
    for _ in range(2):
        chunks: Any = open_stream(chat, asynchronous=asynchronous)
        if asynchronous:
            assert (await anext(chunks)).content == "One"
            await chunks.aclose()
            await asyncio.sleep(0)
        else:
            assert next(chunks).content == "One"
            chunks.close()
    assert len(await collect(open_stream(chat, asynchronous=asynchronous))) == 4


@both
@pytest.mark.parametrize("off", [{"streaming": False}, {"disable_streaming": True}], ids=str)
async def test_streaming_can_be_switched_off(off: dict[str, Any], asynchronous: bool) -> None:
    wire = network(answer("All at once."))
    chunks = await collect(open_stream(model(wire, **off), asynchronous=asynchronous))
    assert [chunk.content for chunk in chunks] == ["All at once."]
    assert not wire.bodies[0].get("stream")


@both
async def test_several_choices_are_generations_and_never_a_stream(asynchronous: bool) -> None:
    choices = [
        {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for text in "ab"
    ]
    chat = model(network(answers(*choices)), n=2)
    messages: list[Any] = [[HumanMessage("go")]]
    result = await chat.agenerate(messages) if asynchronous else chat.generate(messages)
    assert [generation.text for generation in result.generations[0]] == ["a", "b"]
    with pytest.raises(ValueError, match="n=2 choices cannot be streamed"):
        await collect(open_stream(chat, asynchronous=asynchronous))


@pytest.mark.parametrize("name", ["_generate", "_agenerate"])
def test_a_signature_that_langchain_inspects_is_derived_once(name: str) -> None:
    method = getattr(ChatPortkeyMistral, name)
    assert inspect.signature(method) is inspect.signature(method)
    assert [*inspect.signature(getattr(model(), name)).parameters] == [
        "messages", "stop", "run_manager", "kwargs",
    ]  # fmt: skip

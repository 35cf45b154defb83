"""Streams with and without callbacks give the same, and no callback is left out."""

from __future__ import annotations

import asyncio
import functools
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from inspect import isasyncgenfunction, isgeneratorfunction
from types import FunctionType
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import httpx
import pytest
from langchain_core.callbacks import (
    AsyncCallbackManager,
    BaseCallbackHandler,
    CallbackManager,
    StdOutCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.globals import set_debug
from langchain_core.language_models import BaseChatModel, chat_models
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, LLMResult
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tracers.context import register_configure_hook, tracing_v2_enabled
from langsmith import Client
from pydantic import BaseModel

from langchain_portkey_mistral import ChatPortkeyMistral, langchains_loop
from portkey_mistral.exceptions import PortkeyMistralError
from scripted import answer, call, network, sse, stream

RUN = UUID("019b0000-0000-7000-8000-000000000001")
WORDS = [{"content": word} for word in ("One", " two", " three")]
both = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


def logged(token: str) -> dict[str, Any]:
    return {"content": [{"token": token, "logprob": -0.5, "bytes": [1], "top_logprobs": []}]}


ANSWERS: Mapping[str, httpx.Response] = {
    "words": stream(*WORDS),
    "usage alone": stream(*WORDS, usage="alone"),
    "nothing": stream(),
    "tool calls": stream(
        WORDS[0],
        {"tool_calls": [call(0, '{"city":', "WcG8xhSs1", "weather")]},
        {"tool_calls": [call(0, ' "Paris"}')]},
        finish="tool_calls",
    ),
    "a call that was cut off": stream(
        {"tool_calls": [call(0, '{"city":', "WcG8xhSs1", "weather")]}, finish="length"
    ),
    "thinking": stream(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "2+2"}]}]},
        {"content": "is 4"},
        {"content": [{"type": "reference", "reference_ids": [1]}]},
        {"content": ", surely."},
    ),
    "log probabilities": sse(
        [
            {
                "id": "1",
                "model": "m",
                "choices": [
                    {"index": 0, "delta": {"content": token}, "logprobs": logged(token)}
                    | {"finish_reason": finish}
                ],
            }
            for token, finish in (("a", None), ("b", "stop"))
        ]
    ),
    "cut off": stream(*WORDS, finish=None),
    "an error in the middle": sse(
        [
            {"id": "1", "model": "m", "choices": [{"index": 0, "delta": WORDS[0]}]},
            {"object": "error", "message": "no", "type": "server_error", "code": "1"},
        ]
    ),
    "refused": httpx.Response(400, json={"message": "no", "type": "invalid_request"}),
    "a whole answer": answer("All at once."),
}


def model(reply: httpx.Response | None = None, **fields: Any) -> ChatPortkeyMistral:
    wire = network(*[reply or ANSWERS["words"]] * 3)
    return ChatPortkeyMistral(
        api_key="k", base_url="https://mistral.test", max_retries=0, **wire.clients, **fields
    )


async def taken(chunks: Iterator[Any] | AsyncIterator[Any]) -> tuple[list[Any], str]:
    """Read a stream: its chunks, and the error that ended it."""
    seen: list[Any] = []
    try:
        if isinstance(chunks, AsyncIterator):
            async for chunk in chunks:
                seen.append(chunk)  # noqa: PERF401  those before an error count
        else:
            seen.extend(chunks)
    except (ValueError, PortkeyMistralError) as fault:
        return seen, f"{type(fault).__name__}: {fault}"
    return seen, ""


def streamed(
    chat: Runnable[Any, Any], said: Any = "go", *, asynchronous: bool, **config: Any
) -> Any:
    chosen: Any = RunnableConfig(**config)
    return chat.astream(said, chosen) if asynchronous else chat.stream(said, chosen)


def settled(chunks: list[AIMessageChunk]) -> list[Any]:
    """What can be seen of chunks, but for how long the call took."""
    for chunk in chunks:
        for attempt in chunk.response_metadata.get("attempts", ()):
            attempt["seconds"] = 0.0
    return [(type(chunk), chunk, chunk.model_dump()) for chunk in chunks]


class Listener(BaseCallbackHandler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.ends: list[LLMResult] = []
        self.errors: list[str] = []

    def on_llm_new_token(self, token: Any, **_: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: LLMResult, **_: Any) -> None:
        self.ends.append(response)

    def on_llm_error(self, error: BaseException, **_: Any) -> None:
        self.errors.append(str(error))


# --- the same is given


@both
@pytest.mark.parametrize("name", ANSWERS)
async def test_a_stream_gives_what_langchains_own_loop_gives(name: str, asynchronous: bool) -> None:
    listener = Listener()
    alone = await taken(streamed(model(ANSWERS[name]), asynchronous=asynchronous, run_id=RUN))
    heard = await taken(
        streamed(model(ANSWERS[name]), asynchronous=asynchronous, run_id=RUN, callbacks=[listener])
    )
    assert alone[1] == heard[1]
    assert settled(alone[0]) == settled(heard[0])
    assert all(chunk.id == f"lc_run--{RUN}" for chunk in alone[0])
    assert len(listener.tokens) == len(heard[0])
    assert bool(listener.errors) == bool(heard[1])
    if alone[0]:
        first, *rest = alone[0]
        one, *others = heard[0]
        assert first + rest == one + others


@both
async def test_a_run_has_an_id_of_its_own(asynchronous: bool) -> None:
    chat = model()
    (one, *rest), _ = await taken(streamed(chat, asynchronous=asynchronous))
    (two, *_), _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert one.id.startswith("lc_run--")
    assert {chunk.id for chunk in rest} == {one.id}
    assert two.id != one.id


@both
async def test_no_chunk_is_kept(asynchronous: bool) -> None:
    chunks = streamed(model(), asynchronous=asynchronous)
    first = await anext(chunks) if asynchronous else next(chunks)
    left = weakref.ref(first)
    first = await anext(chunks) if asynchronous else next(chunks)
    gc.collect()
    assert left() is None


# --- whoever listens is told

FOUND: ContextVar[Any] = ContextVar("found", default=None)
register_configure_hook(FOUND, inheritable=True)


@contextmanager
def found(listener: Listener) -> Iterator[None]:
    token = FOUND.set(listener)
    yield
    FOUND.reset(token)


LISTENING: Mapping[
    str,
    Callable[[Listener], tuple[Mapping[str, Any], Mapping[str, Any], AbstractContextManager[Any]]],
] = {
    "of the call": lambda it: ({}, {"callbacks": [it]}, nullcontext()),
    "of the object": lambda it: ({"callbacks": [it]}, {}, nullcontext()),
    "of the context": lambda it: ({}, {}, found(it)),
}


@both
@pytest.mark.parametrize("place", LISTENING)
async def test_a_listener_is_told_of_every_chunk_and_the_end(
    place: str, asynchronous: bool
) -> None:
    listener = Listener()
    fields, config, context = LISTENING[place](listener)
    with context:
        chunks, _ = await taken(streamed(model(**fields), asynchronous=asynchronous, **config))
    assert listener.tokens == [chunk.content for chunk in chunks]
    (end,) = listener.ends
    assert end.generations[0][0].text == "One two three"
    assert end.generations[0][0].generation_info == {"finish_reason": "stop"}


@both
async def test_the_listener_of_a_surrounding_runnable_is_told(asynchronous: bool) -> None:
    listener, chat = Listener(), model()
    config = RunnableConfig(callbacks=[listener])
    if asynchronous:

        async def read(text: str) -> list[Any]:
            return [chunk async for chunk in chat.astream(text)]

        await RunnableLambda(read).ainvoke("go", config)
    else:
        RunnableLambda(lambda text: list(chat.stream(text))).invoke("go", config)
    assert listener.tokens == ["One", " two", " three", ""]


@both
async def test_a_verbose_model_prints(asynchronous: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(
        StdOutCallbackHandler, "on_llm_new_token", lambda _, token, **__: seen.append(token)
    )
    await taken(streamed(model(verbose=True), asynchronous=asynchronous))
    assert seen == ["One", " two", " three", ""]


@both
async def test_what_is_said_for_a_call_is_sent(asynchronous: bool) -> None:
    wire = network(*[ANSWERS["words"]] * 2)
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    for listeners in ([], [Listener()]):
        bound = chat.bind(stop=["."], temperature=0.1, timeout=3)
        await taken(streamed(bound, asynchronous=asynchronous, callbacks=listeners))
    alone, heard = wire.bodies
    assert alone == heard
    assert (alone["stop"], alone["temperature"]) == (["."], 0.1)


@both
async def test_a_listener_that_comes_before_the_first_chunk_is_told(asynchronous: bool) -> None:
    chunks = streamed(model(), asynchronous=asynchronous)
    with get_usage_metadata_callback() as usage:
        await taken(chunks)
    assert usage.usage_metadata["mistral-small-2603"]["total_tokens"] == 15


class Passing(Runnable[str, Any]):
    """Passes the model's own stream on, as a wrapper would."""

    def __init__(self, chat: ChatPortkeyMistral) -> None:
        self.chat = chat

    def invoke(self, input: str, config: RunnableConfig | None = None, **_: Any) -> Any:
        raise NotImplementedError

    def stream(self, input: str, config: RunnableConfig | None = None, **_: Any) -> Any:
        return self.chat.stream(input)

    def astream(self, input: str, config: RunnableConfig | None = None, **_: Any) -> Any:
        return self.chat.astream(input)


CHAINS: Mapping[str, Callable[[], Runnable[Any, Any]]] = {
    "behind a step": lambda: RunnableLambda(str) | model(),
    # LangChain asks for the first chunk in a context of its own.
    "in fallbacks": lambda: Passing(model()).with_fallbacks([Passing(model())]),
}


@both
@pytest.mark.parametrize("chain", CHAINS)
async def test_the_listener_of_a_chain_is_told(chain: str, asynchronous: bool) -> None:
    listener = Listener()
    chunks, _ = await taken(
        streamed(CHAINS[chain](), asynchronous=asynchronous, callbacks=[listener])
    )
    assert listener.tokens == [chunk.content for chunk in chunks]
    assert len(listener.ends) == 1


@both
async def test_a_manager_that_an_observer_configures_is_heard(
    asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    manager: Any = AsyncCallbackManager if asynchronous else CallbackManager
    configure = manager.configure.__func__

    def observed(cls: Any, *args: Any, **kwargs: Any) -> Any:
        configured = configure(cls, *args, **kwargs)
        configured.add_handler(listener)
        return configured

    monkeypatch.setattr(manager, "configure", classmethod(observed))
    await taken(streamed(model(), asynchronous=asynchronous))
    assert len(listener.ends) == 1


def test_a_stream_is_a_generator_function_as_langchains_is() -> None:
    """LangSmith's `traceable` looks at it."""
    assert isgeneratorfunction(ChatPortkeyMistral.stream)
    assert isasyncgenfunction(ChatPortkeyMistral.astream)


@both
async def test_langsmith_is_told(asynchronous: bool) -> None:
    client = MagicMock(spec=Client)
    with tracing_v2_enabled(client=client):
        await taken(streamed(model(), asynchronous=asynchronous))
    assert client.create_run.called


@both
async def test_debugging_prints(asynchronous: bool, capsys: pytest.CaptureFixture[str]) -> None:
    set_debug(True)
    try:
        await taken(streamed(model(), asynchronous=asynchronous))
    finally:
        set_debug(False)
    assert "One two three" in capsys.readouterr().out


class Wrapt:
    """A proxy that looks like the function in it, as those of the wrapt package do."""

    def __init__(self, function: Any, observing: Callable[..., Any]) -> None:
        self._function, self._observing = function, observing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __get__(self, model: object, kind: object) -> Any:
        return self if model is None else functools.partial(self._observing, model)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._observing(*args, **kwargs)


WRAPPERS: Mapping[str, Callable[[Any, Callable[..., Any]], Any]] = {
    "a function": lambda _, observing: observing,
    "functools": lambda method, observing: functools.wraps(method)(observing),
    "wrapt": Wrapt,
}


@both
@pytest.mark.parametrize("kind", WRAPPERS)
async def test_an_observer_around_langchains_methods_sees_the_call(
    kind: str, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ddtrace does it, which wraps the methods of the base class."""
    name = "astream" if asynchronous else "stream"
    method = getattr(BaseChatModel, name)
    seen: list[object] = []

    def observing(*args: Any, **kwargs: Any) -> Any:
        seen.append(args[0])
        return method(*args, **kwargs)

    monkeypatch.setattr(BaseChatModel, name, WRAPPERS[kind](method, observing))
    chat = model()
    chunks, _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert seen == [chat]
    assert len(chunks) == 4


def test_nobody_is_told_of_the_look_at_langchains_stream() -> None:
    langchains_loop._found.clear()
    listener = Listener()

    def silently(text: str) -> list[Any]:
        return list(model().stream(text, {"callbacks": []}))

    RunnableLambda(silently).invoke("go", {"callbacks": [listener]})
    assert langchains_loop._found == {BaseChatModel.stream: True}
    assert listener.tokens == []


# --- what else LangChain's stream does is done


@both
async def test_a_rate_limiter_is_asked(asynchronous: bool) -> None:
    limiter = InMemoryRateLimiter(requests_per_second=1000)
    asked: list[bool] = []
    if asynchronous:

        async def aacquire(*, blocking: bool = True) -> bool:
            asked.append(blocking)
            return True

        limiter.aacquire = aacquire  # type: ignore[method-assign]
    else:
        limiter.acquire = lambda *, blocking=True: not asked.append(blocking)  # type: ignore[method-assign,func-returns-value]
    await taken(streamed(model(rate_limiter=limiter), asynchronous=asynchronous))
    assert asked == [True]


@both
async def test_output_in_blocks(asynchronous: bool) -> None:
    (first, *_), _ = await taken(streamed(model(output_version="v1"), asynchronous=asynchronous))
    assert first.content == [{"type": "text", "text": "One", "index": 0}]


@both
@pytest.mark.parametrize("off", [{"streaming": False}, {"disable_streaming": True}])
async def test_a_model_that_never_streams(off: Mapping[str, Any], asynchronous: bool) -> None:
    chat = model(answer("All at once."), **off)
    (whole,), _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert whole.content == "All at once."


URL, DATA = "https://example.org/a", {"mime_type": "image/png", "data": "AAAA"}
# What LangChain rewrites before it asks a model.
OF_OTHER_DAYS: list[dict[str, Any]] = [
    {"type": "image", "source_type": "url", "url": "data:image/png;base64,AAAA", "file_id": "f2"},
    {"type": "audio", "source_type": "url", "url": URL},
    {"type": "audio", "source_type": "base64", **DATA, "mime_type": "audio/wav"},
    {"type": "file", "source_type": "url", "url": URL},
    {"type": "file", "source_type": "base64", **DATA, "mime_type": "application/pdf"},
    {"type": "file", "source_type": "base64", **DATA, "filename": "a.pdf", "extra": 1},
    {"type": "file", "source_type": "text", "text": "Hello", "url": "Hello"},
    {"type": "file", "source_type": "id", "id": "f1"},
    {"type": "image", "source_type": "id", "id": "f1"},
    {"type": "audio", "source_type": "id", "id": "f1"},
    {"type": "file", "file": {"file_id": "f1"}},
    {"type": "image", "source_type": "url", "url": "https://example.org/a.png"},
    {"type": "image", "source_type": "base64", "mime_type": "image/png", "data": "AAAA"},
    {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}},
    {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA", "filename": "a"}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
]


@both
@pytest.mark.parametrize("block", OF_OTHER_DAYS, ids=str)
async def test_blocks_are_sent_as_after_langchains_rewriting(
    block: dict[str, Any], asynchronous: bool
) -> None:
    wire = network(*[ANSWERS["words"]] * 2)
    chat = ChatPortkeyMistral(
        model="one-that-can-do-anything",
        api_key="k",
        base_url="https://mistral.test",
        **wire.clients,
    )
    said: Any = [HumanMessage([{"type": "text", "text": "What?"}, block])]
    for listeners in ([], [Listener()]):
        _, fault = await taken(streamed(chat, said, asynchronous=asynchronous, callbacks=listeners))
        assert not fault
    alone, heard = wire.bodies
    assert alone == heard


@both
async def test_structured_output_streams(asynchronous: bool) -> None:
    class Joke(BaseModel):
        setup: str

    words = ('{"set', 'up": "Why', '?"}')
    chat = model(stream(*({"content": word} for word in words)))
    chain = chat.with_structured_output(Joke)
    jokes, _ = await taken(streamed(chain, asynchronous=asynchronous))
    assert jokes[-1] == Joke(setup="Why?")


def louder(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    chunk.message.content = str(chunk.message.content).upper()
    return chunk


class Loud(ChatPortkeyMistral):
    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        return map(louder, super()._stream(*args, **kwargs))


class AsyncLoud(ChatPortkeyMistral):
    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in super()._astream(*args, **kwargs):
            yield louder(chunk)


@both
async def test_a_subclass_with_a_stream_of_its_own(asynchronous: bool) -> None:
    wire = network(ANSWERS["words"])
    kind = AsyncLoud if asynchronous else Loud
    chat = kind(api_key="k", base_url="https://mistral.test", **wire.clients)
    chunks, _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert "".join(chunk.content for chunk in chunks) == "ONE TWO THREE"


@both
@pytest.mark.parametrize("place", ["class", "object"])
async def test_a_stream_that_was_put_in_the_place_of_ours(
    place: str, asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(*_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="fake"))

    async def afake(*_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="fake"))

    chat = model()
    where: Any = ChatPortkeyMistral if place == "class" else chat
    name, fakes = ("_astream", afake) if asynchronous else ("_stream", fake)
    if place == "class":
        monkeypatch.setattr(where, name, fakes)
    else:
        object.__setattr__(chat, name, fakes)
    (first, *_), _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert first.content == "fake"


class Mixin(BaseChatModel):
    def stream(self, *args: Any, **kwargs: Any) -> Iterator[AIMessageChunk]:
        for chunk in super().stream(*args, **kwargs):
            yield chunk.model_copy(update={"name": "mixin"})

    async def astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[AIMessageChunk]:
        async for chunk in super().astream(*args, **kwargs):
            yield chunk.model_copy(update={"name": "mixin"})


class Mixed(ChatPortkeyMistral, Mixin):  # type: ignore[misc]
    """LangChain's stream is not the next one here."""


@both
async def test_a_mixin_with_a_stream_of_its_own(asynchronous: bool) -> None:
    wire = network(ANSWERS["words"])
    chat = Mixed(api_key="k", base_url="https://mistral.test", **wire.clients)
    chunks, _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert {chunk.name for chunk in chunks} == {"mixin"}


@both
async def test_what_is_no_input_is_refused_as_langchain_does(asynchronous: bool) -> None:
    chunks = streamed(model(), 3, asynchronous=asynchronous)
    with pytest.raises(ValueError, match="Invalid input type"):
        await anext(chunks) if asynchronous else next(chunks)


# --- a LangChain that does more


def as_if_langchains(function: Any) -> FunctionType:
    return FunctionType(function.__code__, vars(chat_models), function.__name__)


@both
async def test_what_langchain_comes_to_do_is_done(
    asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[AIMessageChunk]:
        for chunk in self.original(*args, **kwargs):
            yield chunk.model_copy(update={"name": "more"})

    async def astream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[AIMessageChunk]:
        async for chunk in self.original(*args, **kwargs):
            yield chunk.model_copy(update={"name": "more"})

    changed: Any = astream if asynchronous else stream
    original = getattr(BaseChatModel, changed.__name__)
    for model_like in (BaseChatModel, langchains_loop._Sample):
        monkeypatch.setattr(model_like, "original", original, raising=False)
    monkeypatch.setattr(BaseChatModel, changed.__name__, as_if_langchains(changed))
    chunks, _ = await taken(streamed(model(), asynchronous=asynchronous))
    assert [chunk.name for chunk in chunks] == ["more"] * 4


@both
async def test_a_langchain_that_wants_more_of_a_model_streams_itself(
    asynchronous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(self: Any, *args: Any, **kwargs: Any) -> Iterator[AIMessageChunk]:
        assert isinstance(self, BaseChatModel)
        yield AIMessageChunk(content="LangChain's")

    async def astream(self: Any, *args: Any, **kwargs: Any) -> AsyncIterator[AIMessageChunk]:
        assert isinstance(self, BaseChatModel)
        yield AIMessageChunk(content="LangChain's")

    changed: Any = astream if asynchronous else stream
    monkeypatch.setattr(BaseChatModel, changed.__name__, as_if_langchains(changed))
    chunks, _ = await taken(streamed(model(), asynchronous=asynchronous))
    assert [chunk.content for chunk in chunks] == ["LangChain's"]


async def test_with_this_version_of_langchain_its_loop_is_passed_by() -> None:
    assert langchains_loop.adds_nothing(BaseChatModel.stream)
    assert await langchains_loop.aadds_nothing(BaseChatModel.astream)


# --- beginnings and ends


@both
async def test_nothing_is_sent_before_the_first_chunk_is_asked_for(asynchronous: bool) -> None:
    wire = network(ANSWERS["words"])
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    chunks = streamed(chat, asynchronous=asynchronous)
    if asynchronous:
        await chunks.aclose()
        assert [chunk async for chunk in chunks] == []
    else:
        chunks.close()
        assert list(chunks) == []
    assert wire.requests == []


@both
@pytest.mark.parametrize("listening", [False, True])
async def test_a_stream_that_is_closed_gives_its_permit_back(
    listening: bool, asynchronous: bool
) -> None:
    config = {"callbacks": [Listener()]} if listening else {}
    chat = model(max_concurrency=1)
    for _ in range(2):
        chunks = streamed(chat, asynchronous=asynchronous, **config)
        if asynchronous:
            assert (await anext(chunks)).content == "One"
            await chunks.aclose()
            await asyncio.sleep(0)
        else:
            assert next(chunks).content == "One"
            chunks.close()
    whole, _ = await taken(streamed(chat, asynchronous=asynchronous))
    assert len(whole) == 4

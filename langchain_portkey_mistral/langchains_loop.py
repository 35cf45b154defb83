"""Tells whether LangChain's own streams do nothing beside serving callbacks, by a look at what they give.

What they may come to do in a later version is noticed here, and then they do it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import Any
from uuid import UUID

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompt_values import PromptValue, StringPromptValue
from langchain_core.runnables import RunnableConfig

from langchain_portkey_mistral.message_chunks import as_generation, text_chunk

__all__ = ["aadds_nothing", "adds_nothing", "message_id"]


def message_id(run_id: UUID) -> str:
    """Give the id that LangChain gives to the message of a run."""
    return f"lc_run--{run_id}"


_ID = UUID(int=1)
_ASKED = "", RunnableConfig(callbacks=[], run_id=_ID)


class _Sample:
    """As much of a model as LangChain's stream asks for. If it asks for more one day, it does more."""

    callbacks = metadata = output_version = rate_limiter = tags = None
    verbose = False
    _serialized: Mapping[str, Any] = MappingProxyType({})

    def _should_stream(self, **_: Any) -> bool:
        return True

    def _convert_input(self, text: str) -> PromptValue:
        return StringPromptValue(text=text)

    def _get_invocation_params(self, **_: Any) -> dict[str, Any]:
        return {}

    _get_ls_params_with_defaults = _get_invocation_params

    def _stream(self, messages: list[BaseMessage], **_: Any) -> Iterator[ChatGenerationChunk]:
        return map(as_generation, _answer(None))

    async def _astream(
        self, messages: list[BaseMessage], **_: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in _answer(None):
            yield as_generation(chunk)


def _answer(message_id: str | None) -> list[AIMessageChunk]:
    ending = AIMessageChunk(
        content="",
        id=message_id,
        usage_metadata=UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3),
        response_metadata={"finish_reason": "stop"},
        chunk_position="last",
    )
    return [text_chunk("One", message_id), text_chunk(" two", message_id), ending]


_found: dict[Callable[..., Any], bool] = {}


def adds_nothing(stream: Callable[..., Iterator[AIMessageChunk]]) -> bool:
    """Whether LangChain's `stream` gives a model's chunks as they are, but for their id."""
    if stream not in _found:
        try:
            _found[stream] = _is_langchains(stream) and _is_answer([*stream(_Sample(), *_ASKED)])
        except Exception:  # noqa: BLE001  it wants another model than this one
            _found[stream] = False
    return _found[stream]


async def aadds_nothing(stream: Callable[..., AsyncIterator[AIMessageChunk]]) -> bool:
    """Whether LangChain's `astream` does."""
    if stream not in _found:
        try:
            _found[stream] = _is_langchains(stream) and _is_answer(
                [chunk async for chunk in stream(_Sample(), *_ASKED)]
            )
        except Exception:  # noqa: BLE001  it wants another model than this one
            _found[stream] = False
    return _found[stream]


def _is_answer(given: list[AIMessageChunk]) -> bool:
    return given == _answer(message_id(_ID))


def _is_langchains(method: object) -> bool:
    """Tell it from what observers (ddtrace, for one) put in its place, to be told of every call."""
    return (
        isinstance(method, FunctionType)
        and method.__globals__["__name__"] == BaseChatModel.__module__
    )

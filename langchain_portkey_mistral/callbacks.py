"""Decides whether a stream needs LangChain's own loop.

That loop serves callbacks alone: it tells them of every chunk, keeps all chunks, and adds them up for the
callbacks in the end. Where nobody listens, it is more than half of what a chunk costs, and a long answer is kept in
memory for nothing; a stream can be given as it comes then. Whatever else LangChain's `stream` does or may come to
do goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.callbacks import CallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompt_values import PromptValue, StringPromptValue
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7

from langchain_portkey_mistral.message_chunks import as_generation, text_chunk

__all__ = ["Unheard", "message_id", "unheard"]


class Unheard(NamedTuple):
    """A stream that no callback listens to."""

    messages: list[BaseMessage]
    message_id: str


def unheard(
    model: BaseChatModel,
    messages: list[BaseMessage],
    config: RunnableConfig | None,
) -> Unheard | None:
    """Return what to stream without LangChain's loop; None where that has something to do."""
    if (
        model.rate_limiter is not None
        or model.output_version == "v1"
        or not (_is_langchains(BaseChatModel.stream) and _is_langchains(BaseChatModel.astream))
    ):
        return None
    config = ensure_config(config)
    callbacks = CallbackManager.configure(config.get("callbacks"), model.callbacks, model.verbose)
    if callbacks.handlers or not _adds_nothing(BaseChatModel.stream):
        return None
    return Unheard(messages, message_id(config.get("run_id") or uuid7()))


def message_id(run_id: UUID) -> str:
    """Give the id that LangChain gives to the message of a run."""
    return f"lc_run--{run_id}"


# --- whether LangChain's own stream still does nothing more ---

_ID = UUID(int=1)
_QUIETLY = RunnableConfig(callbacks=[], run_id=_ID)


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


def _answer(message_id: str | None) -> list[AIMessageChunk]:
    ending = AIMessageChunk(
        content="",
        id=message_id,
        usage_metadata=UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3),
        response_metadata={"finish_reason": "stop"},
        chunk_position="last",
    )
    return [text_chunk("One", message_id), text_chunk(" two", message_id), ending]


@cache
def _adds_nothing(stream: Callable[..., Iterator[AIMessageChunk]]) -> bool:
    """Whether LangChain's `stream`, and so its twin, gives a model's chunks as they are, but for their id."""
    try:
        return list(stream(_Sample(), "", _QUIETLY)) == _answer(message_id(_ID))
    except (AttributeError, LookupError, TypeError, ValueError):
        return False


def _is_langchains(method: object) -> bool:
    """Tell it from what observers (ddtrace, for one) put in its place, to be told of every call."""
    return (
        isinstance(method, FunctionType)
        and method.__globals__["__name__"] == BaseChatModel.__module__
    )

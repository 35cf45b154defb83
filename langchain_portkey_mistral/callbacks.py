"""Decides whether a stream needs LangChain's own loop.

That loop serves callbacks alone: it tells them of every chunk, keeps all chunks, and adds them up for the
callbacks in the end. Where nobody listens, it is more than half of what a chunk costs, and a long answer is kept in
memory for nothing; a stream can be given as it comes then. Whatever else LangChain's `stream` does or may come to
do goes through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import Any
from uuid import UUID

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.prompt_values import PromptValue, StringPromptValue
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7

from langchain_portkey_mistral.message_chunks import as_generation, text_chunk

__all__ = ["aunheard", "message_id", "unheard"]


def unheard(model: BaseChatModel, config: RunnableConfig | None) -> str | None:
    """Return the id of the message to stream without LangChain's loop; None where that has something to do."""
    run = _unheard(model, config, CallbackManager)
    return run if run and _adds_nothing(BaseChatModel.stream) else None


async def aunheard(model: BaseChatModel, config: RunnableConfig | None) -> str | None:
    """The async twin of `unheard`."""
    run = _unheard(model, config, AsyncCallbackManager)
    return run if run and await _aadds_nothing(BaseChatModel.astream) else None


def _unheard(
    model: BaseChatModel,
    config: RunnableConfig | None,
    manager: type[CallbackManager | AsyncCallbackManager],
) -> str | None:
    if model.rate_limiter is not None or model.output_version == "v1":
        return None
    config = ensure_config(config)
    if manager.configure(config.get("callbacks"), model.callbacks, model.verbose).handlers:
        return None
    return message_id(config.get("run_id") or uuid7())


def message_id(run_id: UUID) -> str:
    """Give the id that LangChain gives to the message of a run."""
    return f"lc_run--{run_id}"


# --- whether LangChain's own streams still do nothing more ---

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


def _adds_nothing(stream: Callable[..., Iterator[AIMessageChunk]]) -> bool:
    """Whether LangChain's `stream` gives a model's chunks as they are, but for their id."""
    if stream not in _found:
        try:
            _found[stream] = _is_langchains(stream) and _is_answer([*stream(_Sample(), *_ASKED)])
        except Exception:  # noqa: BLE001  it wants another model than this one
            _found[stream] = False
    return _found[stream]


async def _aadds_nothing(stream: Callable[..., AsyncIterator[AIMessageChunk]]) -> bool:
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

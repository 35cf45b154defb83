"""Decides whether a stream needs LangChain's own loop.

That loop serves callbacks alone: it tells them of every chunk, keeps all chunks, and adds them up for the
callbacks in the end. Where nobody listens, it is more than half of what a chunk costs, and a long answer is kept in
memory for nothing; a stream can be given as it comes then. Whatever else LangChain's `stream` does or may come to
do goes through it.
"""

from __future__ import annotations

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7

from langchain_portkey_mistral.langchains_loop import aadds_nothing, adds_nothing, message_id

__all__ = ["aunheard", "unheard"]


def unheard(model: BaseChatModel, config: RunnableConfig | None) -> str | None:
    """Return the id of the message to stream without LangChain's loop; None where that has something to do."""
    own_id = _unheard(model, config, CallbackManager)
    return own_id if own_id and adds_nothing(BaseChatModel.stream) else None


async def aunheard(model: BaseChatModel, config: RunnableConfig | None) -> str | None:
    """The async twin of `unheard`."""
    own_id = _unheard(model, config, AsyncCallbackManager)
    return own_id if own_id and await aadds_nothing(BaseChatModel.astream) else None


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

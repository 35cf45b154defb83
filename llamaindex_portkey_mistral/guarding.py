"""Looks at a call's arguments before LlamaIndex's events and spans do: they show whatever they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import wrapt
from llama_index.core.base.llms.types import ChatMessage

from portkey_mistral.config import Config
from portkey_mistral.exceptions import InvalidRequestError

__all__ = ["guarded"]

_Class = TypeVar("_Class", bound=type)

_TAKE_MESSAGES = frozenset({"chat", "achat", "stream_chat", "astream_chat"})


def guarded(names: Iterable[str]) -> Callable[[_Class], _Class]:
    """Guard these methods of a class, and their async twins.

    It has to be done from outside, because core wraps a class's methods when the class is made.
    """

    def guard(cls: _Class) -> _Class:
        for name in names:
            for method in (name, f"a{name}"):
                setattr(cls, method, _guarding(getattr(cls, method)))
        return cls

    return guard


@wrapt.decorator
def _guarding(
    method: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if method.__name__ in _TAKE_MESSAGES and (args or "messages" in kwargs):
        _check_messages(args[0] if args else kwargs["messages"])
    return method(*args, **_sealed(kwargs))


def _check_messages(messages: Any) -> None:
    if isinstance(messages, str):
        raise InvalidRequestError(
            "A chat takes a list of ChatMessage, got text. Use complete() for a single text, or "
            "chat([ChatMessage(role='user', content=...)])."
        )
    for message in messages:
        if not isinstance(message, ChatMessage):
            raise InvalidRequestError(
                f"A chat takes ChatMessage objects, got {type(message).__name__}. "
                "Use ChatMessage(role='user', content=...)."
            )


def _sealed(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a Portkey config by one that shows no key: its keys are `SecretStr` from here on."""
    sealed = dict(kwargs)
    if (config := kwargs.get("portkey_config")) is not None:
        sealed["portkey_config"] = Config.parse(config)
    if isinstance(inner := kwargs.get("llm_kwargs"), Mapping):
        sealed["llm_kwargs"] = _sealed(inner)
    return sealed

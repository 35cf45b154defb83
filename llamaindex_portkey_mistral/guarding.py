"""Looks at a call's arguments before LlamaIndex's events and spans do: they show whatever they get."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import wrapt
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import BasePromptTemplate
from pydantic import BaseModel, SecretStr

from portkey_mistral.config import Config
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.settings import ONLY_AT_CONSTRUCTION
from portkey_mistral.validation import explain_misplaced

__all__ = ["guarded", "opened"]

_Class = TypeVar("_Class", bound=type)

_HEADERS = ("headers", "extra_headers")


def guarded(names: Iterable[str]) -> Callable[[_Class], _Class]:
    """Guard these methods of a class, and their async twins.

    It has to be done from outside, because core wraps a class's methods when the class is made.
    """

    def guard(cls: _Class) -> _Class:
        for name in names:
            for method in (name, f"a{name}"):
                setattr(cls, method, _guarding(method)(getattr(cls, method)))
        return cls

    return guard


def _guarding(name: str) -> Callable[[Any], Any]:
    checks = tuple(enumerate(_checks_of(name)))
    # What these take by name belongs to the prompt; the model's arguments are in `llm_kwargs`.
    of_a_prompt = name.endswith("structured_predict")

    @wrapt.decorator
    def guarding(
        method: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        for position, (argument, check) in checks:
            if position < len(args):
                check(args[position])
            elif argument in kwargs:
                check(kwargs[argument])
        if of_a_prompt:
            return method(*map(_sealed_mapping, args), **_with_sealed_arguments(kwargs))
        return method(*args, **_sealed(kwargs))

    return cast("Callable[[Any], Any]", guarding)


def _checks_of(method: str) -> Sequence[tuple[str, Callable[[Any], None]]]:
    """Name the arguments that are looked at, in their order."""
    if method.endswith("structured_predict"):
        return (("output_cls", _check_class), ("prompt", _check_template))
    if method.endswith("chat"):
        return (("messages", _check_messages),)
    if method.endswith(("complete", "fill_in_middle")):
        return (("prompt", _check_text),)
    if method.endswith("get_text_embedding_batch"):
        return (("texts", _check_texts),)
    return ()


def _with_sealed_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _sealed_mapping(value) if name == "llm_kwargs" else value
        for name, value in kwargs.items()
    }


def _sealed_mapping(value: Any) -> Any:
    return _sealed(value) if isinstance(value, Mapping) else value


def _check_messages(messages: Any) -> None:
    if isinstance(messages, str):
        raise InvalidRequestError(
            "A chat takes a list of ChatMessage, got text. Use complete() for a single text, or "
            "chat([ChatMessage(role='user', content=...)])."
        )
    if not isinstance(messages, Sequence):
        raise InvalidRequestError(
            f"A chat takes a list of ChatMessage, got {type(messages).__name__}. Put it into a list."
        )
    for message in messages:
        if not isinstance(message, ChatMessage):
            raise InvalidRequestError(
                f"A chat takes ChatMessage objects, got {type(message).__name__}. "
                "Use ChatMessage(role='user', content=...)."
            )


def _check_text(prompt: Any) -> None:
    if not isinstance(prompt, str):
        raise InvalidRequestError(
            f"A completion takes text, got {type(prompt).__name__}. Use chat() for messages."
        )


def _check_texts(texts: Any) -> None:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        found = "text" if isinstance(texts, str) else type(texts).__name__
        raise InvalidRequestError(
            f"get_text_embedding_batch takes a list of texts, got {found}. For one text use "
            "get_text_embedding()."
        )


def _check_class(output_cls: Any) -> None:
    if not (isinstance(output_cls, type) and issubclass(output_cls, BaseModel)):
        found = repr(output_cls) if isinstance(output_cls, type) else type(output_cls).__name__
        raise InvalidRequestError(
            f"structured_predict fills a pydantic class, got {found}. Derive the class from BaseModel."
        )


def _check_template(prompt: Any) -> None:
    if not isinstance(prompt, BasePromptTemplate):
        raise InvalidRequestError(
            f"structured_predict takes a prompt template, got {type(prompt).__name__}. "
            "Use PromptTemplate(...)."
        )


def _sealed(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Replace what may hold keys by what shows none: from here on they are `SecretStr`."""
    if not kwargs:
        return {}
    for name, value in kwargs.items():
        if name in ONLY_AT_CONSTRUCTION and value is not None:
            raise InvalidRequestError(explain_misplaced(name))
    sealed = dict(kwargs)
    if (config := kwargs.get("portkey_config")) is not None:
        sealed["portkey_config"] = Config.parse(config)
    for name in _HEADERS:
        if isinstance(headers := kwargs.get(name), Mapping):
            sealed[name] = {key: _secret(value) for key, value in headers.items()}
    return sealed


def _secret(value: Any) -> Any:
    return SecretStr(value) if isinstance(value, str) else value


def opened(headers: Mapping[str, Any]) -> dict[str, str]:
    """Take the values of headers out of their seals."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in headers.items()
    }

"""Keeps keys in call arguments out of LlamaIndex's events and spans, which record every argument.

The public methods are wrapped from the outside: arguments that may hold keys are replaced by objects that do
not show them, and wrong arguments raise an error that does not print them, before any span opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import wrapt
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import BasePromptTemplate
from pydantic import BaseModel, SecretStr

from portkey_mistral.config import Config
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.settings.arguments import explain_misplaced
from portkey_mistral.settings.connection import ONLY_AT_CONSTRUCTION

__all__ = ["redacts_arguments", "unwrap_secrets", "wrap_secrets"]

_Class = TypeVar("_Class", bound=type)
_Check = Callable[[Any], None]

_HEADERS = ("headers", "extra_headers")
# `list` comes first: a check against the abstract class alone takes ten times as long.
_SEQUENCES = (list, Sequence)


def redacts_arguments(names: Iterable[str]) -> Callable[[_Class], _Class]:
    """Wrap these methods of a class and their async counterparts (`a` + name).

    A class decorator, because LlamaIndex wraps the methods in spans when the class is created and this has
    to be the outer layer.
    """

    def decorate(cls: _Class) -> _Class:
        for name in names:
            for method in (name, f"a{name}"):
                setattr(cls, method, _redacting(method)(getattr(cls, method)))
        return cls

    return decorate


def _redacting(method_name: str) -> Callable[[Any], Any]:
    checks = tuple(enumerate(_checks(method_name)))
    # Keyword arguments of these fill in the prompt template; the model's own are in `llm_kwargs`.
    fills_template = method_name.endswith("structured_predict")

    @wrapt.decorator
    def wrapper(
        method: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        for position, (argument, check) in checks:
            if position < len(args):
                check(args[position])
            elif argument in kwargs:
                check(kwargs[argument])
        if not fills_template:
            return method(*args, **wrap_secrets(kwargs))
        if isinstance(kwargs.get("llm_kwargs"), Mapping):
            kwargs = {**kwargs, "llm_kwargs": wrap_secrets(kwargs["llm_kwargs"])}
        args = tuple(wrap_secrets(arg) if isinstance(arg, Mapping) else arg for arg in args)
        return method(*args, **kwargs)

    return cast("Callable[[Any], Any]", wrapper)


def wrap_secrets(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with headers as `SecretStr` and the config as a `Config`, which hides its keys.

    Raises:
        InvalidRequestError: an argument belongs in the constructor; keys among those would be recorded.
    """
    if not kwargs:
        return {}
    for name, value in kwargs.items():
        if name in ONLY_AT_CONSTRUCTION and value is not None:
            raise InvalidRequestError(explain_misplaced(name))
    wrapped = dict(kwargs)
    if (config := kwargs.get("portkey_config")) is not None:
        wrapped["portkey_config"] = Config.parse(config)
    for name in _HEADERS:
        if isinstance(headers := kwargs.get(name), Mapping):
            wrapped[name] = {
                key: SecretStr(value) if isinstance(value, str) else value
                for key, value in headers.items()
            }
    return wrapped


def unwrap_secrets(headers: Mapping[str, Any]) -> dict[str, str]:
    """Return headers with their values as plain strings."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in headers.items()
    }


def _checks(method_name: str) -> Sequence[tuple[str, _Check]]:
    """Return the leading parameters of a method that are checked, in order, each with its check."""
    if method_name.endswith("structured_predict"):
        return (("output_cls", _check_output_class), ("prompt", _check_template))
    if method_name.endswith("chat"):
        return (("messages", _check_messages),)
    if method_name.endswith(("complete", "fill_in_middle")):
        return (("prompt", _check_prompt),)
    if method_name.endswith("get_text_embedding_batch"):
        return (("texts", _check_texts),)
    return ()


def _check_messages(messages: Any) -> None:
    if isinstance(messages, str):
        raise InvalidRequestError(
            "chat takes a list of ChatMessage, got a string. Use complete() for a single prompt, or "
            "chat([ChatMessage(role='user', content=...)])."
        )
    if not isinstance(messages, _SEQUENCES):
        raise InvalidRequestError(
            f"chat takes a list of ChatMessage, got {type(messages).__name__}. Wrap it in a list."
        )
    for message in messages:
        if not isinstance(message, ChatMessage):
            raise InvalidRequestError(
                f"chat takes a list of ChatMessage, got {type(message).__name__} in it. "
                "Use ChatMessage(role='user', content=...)."
            )


def _check_prompt(prompt: Any) -> None:
    if not isinstance(prompt, str):
        raise InvalidRequestError(
            f"The prompt must be a string, got {type(prompt).__name__}. Use chat() for messages."
        )


def _check_texts(texts: Any) -> None:
    if isinstance(texts, str) or not isinstance(texts, _SEQUENCES):
        found = "a string" if isinstance(texts, str) else type(texts).__name__
        raise InvalidRequestError(
            f"get_text_embedding_batch takes a list of texts, got {found}. "
            "Use get_text_embedding() for one text."
        )
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            error = InvalidRequestError(
                f"inputs[{position}] must be text, got {type(text).__name__}. "
                "Read the document's text first."
            )
            error.index = position
            raise error


def _check_output_class(output_cls: Any) -> None:
    if not (isinstance(output_cls, type) and issubclass(output_cls, BaseModel)):
        found = repr(output_cls) if isinstance(output_cls, type) else type(output_cls).__name__
        raise InvalidRequestError(
            f"structured_predict takes a subclass of pydantic's BaseModel, got {found}."
        )


def _check_template(prompt: Any) -> None:
    if not isinstance(prompt, BasePromptTemplate):
        raise InvalidRequestError(
            f"structured_predict takes a prompt template, got {type(prompt).__name__}. "
            "Use PromptTemplate(...)."
        )

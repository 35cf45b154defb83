"""The validator of an object: its keys, and the validator of each.

Portkey documents its keys in snake_case and in camelCase, and its gateway reads each spelling in some places only.
Both are accepted everywhere here. An unknown key is kept unchanged: Portkey may have added it since.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral._redaction import is_secret_name, wrap_secrets
from portkey_mistral._suggestions import did_you_mean, nearest
from portkey_mistral.config.validators import ListOf, Validator, error_at, json_type

__all__ = ["ObjectOf", "json_object", "json_value", "snake_case"]

_OTHER_SPELLINGS = {"use_retry_after_headers": "use_retry_after_header"}


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """A validator of an object with these keys.

    `pattern_keys` returns the validator of a key that follows a pattern, None for others. `misplaced` maps keys that
    belong elsewhere to advice. `otherwise` validates a value that is allowed instead of the object.
    """

    keys: Mapping[str, Validator]
    required: tuple[str, ...] = ()
    example: str = ""
    pattern_keys: Callable[[str], Validator | None] = lambda _: None
    misplaced: Mapping[str, str] = field(default_factory=dict)
    otherwise: Validator | None = None

    def __call__(self, value: Any, path: str) -> Any:
        """Return a copy with its known keys in snake_case. A value of None counts as absent."""
        if not isinstance(value, Mapping):
            return self._not_an_object(value, path)
        document: dict[str, Any] = {}
        for key, item in value.items():
            name = snake_case(key, path)
            validator = self._validator(name)
            if validator is not None and name in document:
                raise error_at(f"{path}.{name}", "is given twice, in both spellings.")
            if item is None:
                continue
            if validator is None:
                document[key] = self._unknown_value(key, item, f"{path}.{key}")
            else:
                document[name] = validator(item, f"{path}.{name}")
        for name in self.required:
            if name not in document:
                raise error_at(f"{path}.{name}", "is required.")
        return document

    def _not_an_object(self, value: Any, path: str) -> Any:
        if self.otherwise is not None:
            return self.otherwise(value, path)
        hint = f" such as {self.example}" if self.example else ""
        raise error_at(path, f"must be an object{hint}, got {json_type(value)}.")

    def unknown_keys(self, value: object, path: str) -> Iterator[tuple[str, str]]:
        """Yield (path, advice) for every unknown key, at any depth; values may be invalid."""
        for key, item in value.items() if isinstance(value, Mapping) else ():
            if not isinstance(key, str) or item is None:
                continue
            name = snake_case(key, path)
            if (validator := self._validator(name)) is None:
                yield f"{path}.{key}", self._advice(name)
            else:
                yield from _unknown_inside(validator, item, f"{path}.{key}")

    def _validator(self, name: str) -> Validator | None:
        return self.keys.get(name) or self.pattern_keys(name)

    def _advice(self, name: str) -> str:
        if name in self.misplaced:
            return self.misplaced[name]
        known = f"known keys here: {', '.join(sorted(self.keys))}."
        return f"unknown key; {did_you_mean(name, self.keys, otherwise=known)}"

    def _unknown_value(self, key: str, value: Any, path: str) -> Any:
        # A misspelt "api_key" contains a key nevertheless.
        meant = nearest(key, self.keys) or key
        secret = is_secret_name(key) or is_secret_name(meant)
        return wrap_secrets(json_value(value, path), secret=secret)


def _unknown_inside(validator: object, value: object, path: str) -> Iterator[tuple[str, str]]:
    match validator:
        case ObjectOf():
            yield from validator.unknown_keys(value, path)
        case ListOf() if isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from _unknown_inside(validator.item, item, f"{path}[{index}]")
        case _:
            pass


def snake_case(key: Any, path: str) -> str:
    """Return a key in snake_case, under its name in the schema."""
    if not isinstance(key, str):
        raise error_at(path, f"keys must be strings, got {json_type(key)}.")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key).lower()
    return _OTHER_SPELLINGS.get(name, name)


def json_value(value: Any, path: str) -> Any:
    """Copy a user's own value, which has to be valid JSON."""
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [json_value(item, f"{path}[{index}]") for index, item in enumerate(value)]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: json_value(item, f"{path}.{key}") for key, item in value.items()}
        case _:
            raise error_at(path, f"cannot be sent as JSON: {json_type(value)}.")


def json_object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise error_at(path, f"must be an object, got {json_type(value)}.")
    copied: dict[str, Any] = json_value(value, path)
    return copied

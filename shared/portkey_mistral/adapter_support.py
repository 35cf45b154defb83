"""Helpers that the adapters share with the core. Public to them only: not covered by semantic versioning."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from inspect import signature
from types import ModuleType
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from portkey_mistral._json import drop_none
from portkey_mistral._suggestions import did_you_mean

__all__ = ["KeptSchemas", "did_you_mean", "drop_none", "keep_signature", "on_demand"]

F = TypeVar("F", bound=Callable[..., Any])


def keep_signature(function: F) -> F:
    """Decorate a method whose signature its framework inspects at each call, so that it is derived only once."""
    vars(function)["__signature__"] = signature(function)
    return function


class KeptSchemas:
    """The JSON Schemas of pydantic classes, kept for as long as their classes live.

    pydantic writes a schema anew at each request, which takes a millisecond for each tool at each step of an agent.
    """

    def __init__(self) -> None:
        self._texts: WeakKeyDictionary[type, tuple[object, str | None, str]] = WeakKeyDictionary()

    def get(self, cls: type, write: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return the schema that `write` writes for a class. It belongs to the caller, who may change it."""
        # A rebuilt class has another one. The docstring, which becomes the description, is read anew each time.
        core_schema: object = getattr(cls, "__pydantic_core_schema__", None)
        kept, doc, text = self._texts.get(cls, (None, None, ""))
        if kept is not None and kept is core_schema and doc == cls.__doc__:
            schema: dict[str, Any] = json.loads(text)
            return schema
        written = write()
        with suppress(TypeError, ValueError):  # `json_schema_extra` may hold anything
            self._texts[cls] = core_schema, cls.__doc__, json.dumps(written)
        return written


def on_demand(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` for a package whose names are imported on first access (PEP 562).

    `homes` maps each name to its module. The package's own modules are attributes too, as if imported with it.
    """
    namespace = vars(sys.modules[package])

    def get_attribute(name: str) -> Any:
        if name in homes:
            return namespace.setdefault(name, getattr(import_module(homes[name]), name))
        if not name.startswith("__") and (module := _module(f"{package}.{name}")) is not None:
            return module
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package]
        )

    def list_names() -> list[str]:
        return sorted({*namespace, *homes})

    return get_attribute, list_names


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None

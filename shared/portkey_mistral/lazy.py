"""Names of a package that are imported when they are first asked for (PEP 562).

Type checkers are shown plain imports instead: with a `__getattr__`, every name would be there for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["on_demand"]


def on_demand(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and the `__dir__` of a package; `homes` gives the module of each name.

    The package's own modules are attributes of it too, as if they had been imported with it.
    """
    namespace = vars(sys.modules[package])

    def named(name: str) -> Any:
        if name in homes:
            return namespace.setdefault(name, getattr(import_module(homes[name]), name))
        if not name.startswith("__") and (module := _module(f"{package}.{name}")) is not None:
            return module
        raise AttributeError(
            f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package]
        )

    def names() -> list[str]:
        return sorted({*namespace, *homes})

    return named, names


def _module(name: str) -> ModuleType | None:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None

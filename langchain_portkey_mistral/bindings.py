"""Binds arguments to a model without showing the keys among them.

A binding is printed, dumped and traced with all that was bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.runnables import Runnable, RunnableBinding

from portkey_mistral.config import Config

__all__ = ["bound"]


def bound(model: Runnable[Any, Any], arguments: Mapping[str, Any]) -> Runnable[Any, Any]:
    """Return the model with arguments for every call. A `portkey_config` is read, and so checked, at once."""
    return _Binding(bound=model, kwargs=_covered(arguments), config={})


class _Binding(RunnableBinding[LanguageModelInput, Any]):
    """LangChain's binding; what is bound to it later is covered too."""

    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        return super().bind(**_covered(kwargs))


class _Headers(Mapping[str, str]):
    """Headers that do not show their values."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def _covered(arguments: Mapping[str, Any]) -> dict[str, Any]:
    covered = dict(arguments)
    if covered.get("portkey_config") is not None:
        covered["portkey_config"] = Config.parse(covered["portkey_config"])
    for name in ("headers", "default_headers"):
        if isinstance(covered.get(name), Mapping):
            covered[name] = _Headers(covered[name])
    return covered

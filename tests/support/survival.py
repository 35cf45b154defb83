"""Shared by the tests of broken streams: sandboxes that break at a given event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from portkey_mistral.sandbox import Fault, get

__all__ = ["BREAKS", "TEXT", "broken", "connection", "together"]

T = TypeVar("T")
J = TypeVar("J")

TEXT = "Où étiez-vous ? Да 🎉 北京 👩‍👩‍👧 é́ 🇫🇷 — the cat sat on the mat."
BREAKS: tuple[Callable[[int], Fault], ...] = (
    lambda event: Fault(cut_after=event),
    lambda event: Fault(cut_after=event, clean_cut=True),
    lambda event: Fault(error_after=event),
    lambda event: Fault(garble_after=event),
    lambda event: Fault(stall_after=event, stall_seconds=30),
)


def broken(name: str, fault: Fault) -> None:
    """Script a sandbox to answer TEXT, and break its next stream."""
    for each in (name, f"{name}-other"):
        get(each).reset()
        get(each).reply(TEXT, times=None)
    get(name).inject(fault)


def connection(name: str, **fields: object) -> dict[str, object]:
    """The fields of an object that falls back from this sandbox to another."""
    targets = [
        {"provider": "mistral-ai", "custom_host": f"sandbox:{each}"}
        for each in (name, f"{name}-other")
    ]
    return {
        "base_url": "sandbox:",
        "portkey_config": {"strategy": {"mode": "fallback"}, "targets": targets},
        "first_token_timeout": 0.5,
        "idle_timeout": 0.5,
        **fields,
    }


def together(run: Callable[[J], T], jobs: Iterable[J]) -> list[T]:
    """Run jobs side by side, so that their backoffs pass together."""
    with ThreadPoolExecutor(80) as pool:
        return list(pool.map(run, jobs))

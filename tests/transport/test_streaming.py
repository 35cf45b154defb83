"""An abandoned stream releases its slot and its connection immediately."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from kinds import ask
from portkey_mistral import Client
from portkey_mistral.sandbox import get, reset


@pytest.fixture(autouse=True)
def _no_garbage_collector() -> Iterator[None]:
    """Only it frees cycles, and it does not run while all calls wait for a slot."""
    reset()
    get("default").reply("one two three four five", times=None)
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def client() -> Client:
    return Client(base_url="sandbox:", max_concurrency=1, deadline=20.0)


def test_a_for_loop_that_is_left() -> None:
    mine = client()
    for _ in range(3):
        for _ in mine.stream(ask()):
            break
    assert get("default").in_flight == 0


def test_an_abandoned_stream() -> None:
    mine = client()
    for _ in range(3):
        next(mine.stream(ask()))
        mine.stream(ask()).read()
    assert get("default").in_flight == 0


async def test_an_async_for_loop_that_is_left() -> None:
    mine = client()
    for _ in range(3):
        async for _ in mine.astream(ask()):
            break


def test_a_for_loop_continues_where_another_was_left() -> None:
    stream = client().stream(ask())
    for first in stream:
        if first.text:
            break
    assert first.text + "".join(delta.text for delta in stream) == "one two three four five"

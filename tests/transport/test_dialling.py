"""Sockets that are being connected: the first address that answers wins, and no socket is left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import warnings

import pytest

from kinds import ask
from portkey_mistral import Client
from portkey_mistral._transport.http1 import dialling
from portkey_mistral._transport.http1.dialling import _in_turns, dial
from raw_server import Peer, serving

V4, V6 = socket.AF_INET, socket.AF_INET6


def says_nothing(peer: Peer) -> None:
    peer.read()
    peer.wait_for_end()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_call_that_is_cancelled_while_it_connects_leaves_no_socket(host: str) -> None:
    with serving(says_nothing) as server, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mine = Client(base_url=f"http://{host}:{server.port}/v1", api_key="k", max_retries=0)
        for steps in range(16):
            for _ in range(5):
                task = asyncio.create_task(mine.achat(ask()))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0.01)
            gc.collect()
    assert [str(each.message) for each in told if "unclosed" in str(each.message)] == []


class Network:
    """Addresses that answer, refuse or say nothing, each at once or after some seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **addresses: float | str) -> None:
        self.made: dict[str, socket.socket] = {}
        self.tried: list[str] = []
        self._addresses = addresses
        monkeypatch.setattr(dialling, "_addresses", self._look_up)
        monkeypatch.setattr(dialling, "_reach", self._reach)
        monkeypatch.setattr(dialling, "HEAD_START", 0.05)

    async def _look_up(self, *_: object) -> list[object]:
        return [(V4, 1, 6, "", (name, 80)) for name in self._addresses]

    async def _reach(self, address: tuple[object, ...]) -> socket.socket:
        name = address[4][0]  # type: ignore[index]
        self.tried.append(name)
        behaviour = self._addresses[name]
        if isinstance(behaviour, str):
            raise ConnectionRefusedError(f"{name}: {behaviour}")
        if behaviour:
            await asyncio.sleep(behaviour)
        self.made[name] = socket.socket()
        return self.made[name]


async def test_the_first_address_has_a_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, a=0.01, b=0.0)
    with await dial("host", 80) as won:
        assert won is network.made["a"]
    assert network.tried == ["a"]


async def test_a_silent_address_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, a=30.0, b=0.0)
    started = time.monotonic()
    with await dial("host", 80) as won:
        assert won is network.made["b"]
    assert time.monotonic() - started < 5


async def test_a_refusal_starts_the_next_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, a="no", b="no", c=0.0)
    monkeypatch.setattr(dialling, "HEAD_START", 30.0)
    with await dial("host", 80) as won:
        assert won is network.made["c"]


async def test_when_all_refuse_the_last_fault_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, a="no", b="never")
    with pytest.raises(ConnectionRefusedError, match="b: never"):
        await dial("host", 80)
    assert network.tried == ["a", "b"]


async def test_who_comes_second_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(monkeypatch, a=0.1, b=0.05)
    with await dial("host", 80):
        await asyncio.sleep(0.2)
        assert [made.fileno() for made in network.made.values()].count(-1) == len(network.made) - 1


async def test_the_winner_of_a_race_that_is_cancelled_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for steps in range(8):
        network = Network(monkeypatch, a=0.0, b=0.0)
        task = asyncio.create_task(dial("host", 80))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        (came,) = await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.01)
        left = [made for made in network.made.values() if made.fileno() != -1]
        assert left == ([came] if isinstance(came, socket.socket) else [])
        for each in left:
            each.close()


def test_the_kinds_of_addresses_take_turns() -> None:
    found = [(kind, 1, 6, "", (name, 80)) for kind, name in [(V6, "a"), (V6, "b"), (V4, "c")]]
    assert [address[4][0] for address in _in_turns(found)] == ["a", "c", "b"]

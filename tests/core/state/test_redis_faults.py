"""A Redis that answers nonsense, is busy, or never comes to an end costs a warning, and no call.

The server is a script here; `test_redis.py` uses a real one.
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, SharedStateWarning
from portkey_mistral.state import connect
from portkey_mistral.state.time_limit import within
from raw_server import Peer, serving

GREETING = b"%1\r\n$5\r\nproto\r\n:3\r\n"
ENOUGH = threading.Event()


def always(reply: bytes) -> Callable[[Peer], None]:
    """Greet as Redis does, and answer every command after that with one reply."""

    def script(peer: Peer) -> None:
        while came := peer.socket.recv(65536):
            if b"HELLO" in came:
                peer.send(GREETING)
            elif b"SETINFO" in came:
                peer.send(b"+OK\r\n" * came.count(b"SETINFO"))
            else:
                peer.send(reply * max(came.count(b"*"), 1))

    return script


def dripping(start: bytes) -> Callable[[Peer], None]:
    """Send a byte now and then, so that no read of the client ever times out."""

    def script(peer: Peer) -> None:
        peer.socket.recv(65536)
        peer.send(start)
        while not ENOUGH.wait(0.01):
            peer.send(b"1")

    return script


def closing(peer: Peer) -> None:
    peer.socket.recv(65536)


FAULTS: dict[str, Callable[[Peer], None]] = {
    "an HTTP server": always(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "OK": always(b"+OK\r\n"),
    "a number": always(b":5\r\n"),
    "a negative number": always(b":-99999999999999999999\r\n"),
    "a number of 5000 digits": always(b":" + b"9" * 5000 + b"\r\n"),
    "digits": always(b"$3\r\n999\r\n"),
    "text": always(b"$3\r\nabc\r\n"),
    "nothing": always(b"$-1\r\n"),
    "a list": always(b"*2\r\n:1\r\n:2\r\n"),
    "a list of lists": always(b"*2\r\n$3\r\nabc\r\n*1\r\n:1\r\n"),
    "deep lists": always(b"*1\r\n" * 20_000),
    "a map": always(b"%1\r\n:1\r\n:2\r\n"),
    "infinity": always(b",inf\r\n"),
    "a boolean": always(b"#t\r\n"),
    "bytes": always(bytes(range(256))),
    "busy": always(b"-BUSY Redis is busy running a script\r\n"),
    "loading": always(b"-LOADING Redis is loading\r\n"),
    "a replica": always(b"-READONLY You can't write\r\n"),
    "no memory": always(b"-OOM command not allowed\r\n"),
    "no script": always(b"-NOSCRIPT No matching script\r\n"),
    "a cluster": always(b"-MOVED 3999 127.0.0.1:6381\r\n"),
    "an error in another encoding": always(b"-\xff\xfe\r\n"),
    "a text of a terabyte": always(b"$999999999999\r\n"),
    "a list of a billion": always(b"*1000000000\r\n"),
    "silence": always(b""),
    "the end": closing,
    "a text that drips": dripping(b"$1000000\r\n"),
    "a line that drips": dripping(b":"),
}


@pytest.fixture(autouse=True)
def _fresh_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next server may get the same port."""
    monkeypatch.setattr("portkey_mistral.state._states", OrderedDict())


def client(port: int, **fields: Any) -> Client:
    """A client of which each call asks Redis for everything that it keeps."""
    target = {
        "api_key": "k",
        "cache": {"mode": "simple"},
        "cb_config": {"failure_threshold": 3, "cooldown_interval": 30_000},
    }
    sticky = {"enabled": True, "hash_fields": ["metadata.user"], "ttl": 60}
    return Client(
        base_url="sandbox:",
        state=f"redis://127.0.0.1:{port}/0",
        portkey_config={"strategy": {"mode": "loadbalance", "sticky": sticky}, "targets": [target] * 2},
        portkey_metadata={"user": "u"},
        requests_per_minute=1e9,
        **fields,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[1], STREAMED[0]], ids=lambda kind: kind.name)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_gets_its_answer_and_one_warning(fault: str, kind: Kind) -> None:
    ENOUGH.clear()
    with serving(FAULTS[fault]) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mine = client(server.port)
        answer = kind.run(mine, ask("one"), None)
        ENOUGH.set()
        connect(mine.settings.state).close()
    assert answer.text
    assert [each.category for each in caught] == [SharedStateWarning]


def test_what_never_ends_is_left_to_itself() -> None:
    end = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
            within(0.01, threads, end.wait)
        end.set()


@pytest.mark.parametrize("error", [TimeoutError("read"), ValueError("no")], ids=repr)
def test_an_error_is_passed_on(error: Exception) -> None:
    def fails() -> None:
        raise error

    with ThreadPoolExecutor(1) as threads, pytest.raises(type(error), match=str(error)):
        within(5, threads, fails)

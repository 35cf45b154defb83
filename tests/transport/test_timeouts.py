"""Each time limit ends the phase that it applies to, and the error names it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import APITimeoutError, ChatResponse, Client
from portkey_mistral.sandbox import Fault, get, reset
from raw_server import Peer, serving
from waiting import until, until_async

ALL = [*KINDS, *STREAMED]
BODY = b'{"model": "m", "choices": [{"message": {"content": "Late."}}]}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
    BODY
)


def says_nothing(peer: Peer) -> None:
    peer.read()
    peer.wait_for_end()


def stops_in_the_body(peer: Peer) -> None:
    peer.read()
    peer.send(HEAD + BODY[:10])
    peer.wait_for_end()


def drips(peer: Peer, seconds: float = 0.1) -> None:
    peer.read()
    peer.send(HEAD)
    for at in range(len(BODY)):
        time.sleep(seconds)
        peer.send(BODY[at : at + 1])


def drips_quickly(peer: Peer) -> None:
    drips(peer, 0.01)


Ask = Callable[[Kind, str, dict[str, object]], ChatResponse]


@pytest.fixture(params=["default transports", "a client of httpx"])
def outcome_of(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Ask a server once, with either HTTP library."""
    at_once = httpx.Limits(max_keepalive_connections=0)  # closed with the answer
    with httpx.Client() as sync:

        def run(kind: Kind, url: str, fields: dict[str, object]) -> ChatResponse:
            theirs = {"http_client": sync, "http_async_client": httpx.AsyncClient(limits=at_once)}
            clients = theirs if request.param == "a client of httpx" else {}
            given = {"base_url": url, "api_key": "k", "max_retries": 0, **clients, **fields}
            return kind.run(Client(**given), ask(), None)

        yield run


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("script", [says_nothing, stops_in_the_body, drips])
def test_the_deadline_holds_for_the_whole_answer(
    kind: Kind, script: object, outcome_of: Ask
) -> None:
    too_late = pytest.raises(APITimeoutError, match=r"the whole call .*\(deadline\)")
    with serving(script) as server, too_late:  # type: ignore[arg-type]
        outcome_of(kind, server.url, {"deadline": 0.4})


@pytest.mark.parametrize("kind", ALL)
def test_a_slow_answer_within_the_deadline(kind: Kind, outcome_of: Ask) -> None:
    with serving(drips_quickly) as server:
        assert outcome_of(kind, server.url, {"deadline": 30.0}).text == "Late."


@pytest.mark.parametrize("kind", ALL)
def test_a_stalled_body_is_not_a_request_timeout(kind: Kind, outcome_of: Ask) -> None:
    """That limit ends with the headers; for the config's rules this is a lost connection."""
    with serving(stops_in_the_body) as server:
        target = {"custom_host": server.url, "request_timeout": 700}
        with pytest.raises(APITimeoutError, match=r"no data for 0.8 s \(timeout\)") as caught:
            outcome_of(kind, server.url, {"portkey_config": target, "timeout": 0.8})
    assert [attempt.status for attempt in caught.value.attempts] == [500]


@pytest.mark.parametrize("kind", STREAMED)
def test_the_first_token_timeout_is_named_if_no_headers_arrive(kind: Kind, outcome_of: Ask) -> None:
    with serving(says_nothing) as server, pytest.raises(APITimeoutError, match="first_token"):
        outcome_of(kind, server.url, {"first_token_timeout": 0.6})


@pytest.mark.parametrize("kind", KINDS)
def test_the_shortest_limit_is_the_one_that_is_named(kind: Kind, outcome_of: Ask) -> None:
    with serving(says_nothing) as server:
        target = {"custom_host": server.url, "request_timeout": 900}
        with pytest.raises(APITimeoutError, match="request_timeout of 0.9 s") as caught:
            outcome_of(
                kind, server.url, {"portkey_config": target, "deadline": 20.0, "timeout": 10.0}
            )
        assert [attempt.status for attempt in caught.value.attempts] == [408]
        with pytest.raises(APITimeoutError, match="within 0.6 s. Raise timeout="):
            outcome_of(
                kind, server.url, {"portkey_config": target, "deadline": 20.0, "timeout": 0.6}
            )


@pytest.fixture
def crowded() -> Callable[..., Client]:
    """Return clients that share one slot, which a slow response holds."""
    reset()
    get("crowded").inject(Fault(delay=2))
    return lambda **fields: Client(base_url="sandbox:crowded", max_concurrency=1, **fields)


@pytest.mark.parametrize("kind", [KINDS[0], STREAMED[0]])
def test_no_thread_waits_for_a_slot_beyond_the_deadline(
    kind: Kind, crowded: Callable[..., Client]
) -> None:
    busy = threading.Thread(target=crowded().chat, args=(ask(),))
    busy.start()
    until(lambda: get("crowded").in_flight)
    with pytest.raises(APITimeoutError, match="max_concurrency=1"):
        kind.run(crowded(deadline=0.2), ask(), None)
    busy.join()
    assert kind.run(crowded(deadline=20.0), ask(), None).text


@pytest.mark.parametrize("streamed", [False, True])
async def test_no_task_waits_for_a_slot_beyond_the_deadline(
    streamed: bool, crowded: Callable[..., Client]
) -> None:
    async def call(mine: Client) -> bool:
        if not streamed:
            return bool((await mine.achat(ask())).text)
        return bool([delta async for delta in mine.astream(ask())])

    busy = asyncio.create_task(crowded().achat(ask()))
    await until_async(lambda: get("crowded").in_flight)
    with pytest.raises(APITimeoutError, match="max_concurrency=1"):
        await call(crowded(deadline=0.2))
    await busy
    assert await call(crowded(deadline=20.0))

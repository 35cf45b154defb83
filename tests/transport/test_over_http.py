"""The same faults over real sockets, where httpx's own pool, timeouts and framing are at work."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest
from kinds import KINDS, STREAMED, Kind, ask

from portkey_mistral import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    Client,
    StreamInterruptedError,
)
from portkey_mistral.sandbox import Fault, Sandbox

ALL = [*KINDS, *STREAMED]
LONG = "Tell me a long story about a cat, in at least sixty words."


def client(url: str, **fields: object) -> Client:
    return Client(**{"base_url": url, "api_key": "a-key", "max_retries": 0, **fields})


@pytest.mark.parametrize("kind", ALL)
def test_answers(kind: Kind, mistral_sandbox_url: str) -> None:
    answer = kind.run(client(mistral_sandbox_url), ask("Grüße an 北京 🎉"), None)
    assert answer.finish_reason == "stop"
    assert answer.info.way == "direct"


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("framing", ["lf", "crlf", "comments"])
def test_framing_and_pieces_do_not_matter(
    kind: Kind, framing: str, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mine = client(mistral_sandbox_url)
    whole = mine.chat(ask("Grüße an 北京 🎉")).text
    mistral_sandbox.inject(Fault(framing=framing, piece_bytes=3))  # type: ignore[arg-type]
    assert kind.run(mine, ask("Grüße an 北京 🎉"), None).text == whole


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    ("limits", "fault", "error"),
    [
        ({"first_token_timeout": 0.3}, Fault(delay=5), APITimeoutError),
        ({"first_token_timeout": 0.3}, Fault(stall_after=1, stall_seconds=5), APITimeoutError),
        ({"idle_timeout": 0.3}, Fault(stall_after=4, stall_seconds=5), StreamInterruptedError),
        ({"timeout": 0.3}, Fault(stall_after=4, stall_seconds=5), StreamInterruptedError),
    ],
)
def test_a_stream_that_stalls_is_ended(
    kind: Kind,
    limits: dict[str, float],
    fault: Fault,
    error: type[APIError],
    mistral_sandbox: Sandbox,
    mistral_sandbox_url: str,
) -> None:
    mistral_sandbox.inject(fault)
    started = time.monotonic()
    with pytest.raises(error):
        kind.run(client(mistral_sandbox_url, **limits), ask(LONG), None)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("kind", STREAMED)
def test_a_long_first_token_limit_leaves_a_short_idle_limit_in_force(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(stall_after=4, stall_seconds=5))
    mine = client(mistral_sandbox_url, first_token_timeout=30, idle_timeout=0.3)
    started = time.monotonic()
    with pytest.raises(StreamInterruptedError, match="idle_timeout"):
        kind.run(mine, ask(LONG), None)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("clean", [True, False])
def test_a_cut_is_noticed(
    kind: Kind, clean: bool, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(cut_after=5, clean_cut=clean))
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client(mistral_sandbox_url), ask(LONG), None)
    assert caught.value.partial is not None
    assert caught.value.partial.text


@pytest.mark.parametrize("kind", ALL)
def test_a_reset_connection(kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str) -> None:
    mistral_sandbox.inject(Fault(connection="reset"))
    with pytest.raises(APIConnectionError):
        kind.run(client(mistral_sandbox_url), ask(), None)


@pytest.mark.parametrize("kind", ALL)
def test_a_closed_port(kind: Kind) -> None:
    with pytest.raises(APIConnectionError, match=r"127\.0\.0\.1.*Check the URL"):
        kind.run(client("http://127.0.0.1:9"), ask(), None)


@pytest.mark.parametrize("kind", KINDS)
def test_request_timeout_ends_with_the_headers(
    kind: Kind, mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    config = {"provider": "mistral-ai", "api_key": "k", "request_timeout": 300}
    mine = client(mistral_sandbox_url, portkey_config=config)
    mistral_sandbox.inject(Fault(delay=5))
    with pytest.raises(APITimeoutError, match="request_timeout of 0.3 s"):
        kind.run(mine, ask(), None)
    mistral_sandbox.inject(Fault(event_delay=0.1))
    assert STREAMED[0].run(mine, ask("Say a few words, please."), None).finish_reason == "stop"


async def test_a_closed_stream_frees_the_connection(
    mistral_sandbox: Sandbox, mistral_sandbox_url: str
) -> None:
    mistral_sandbox.inject(Fault(event_delay=0.05))
    stream = client(mistral_sandbox_url).astream(ask(LONG))
    await anext(stream)
    await stream.aclose()
    for _ in range(50):
        if mistral_sandbox.in_flight == 0:
            break
        await asyncio.sleep(0.02)
    assert mistral_sandbox.in_flight == 0


def test_no_cookie_is_kept(mistral_sandbox: Sandbox, mistral_sandbox_url: str) -> None:
    mine = client(mistral_sandbox_url)
    mistral_sandbox.fail(200, body={"model": "m", "choices": []}, headers={"set-cookie": "a=b"})
    with pytest.raises(APIError):
        mine.chat(ask())
    mine.chat(ask())
    assert "cookie" not in mistral_sandbox.requests[-1].headers


def test_the_second_client_costs_nothing(mistral_sandbox_url: str) -> None:
    """Pools are the process's: another client opens no connection of its own."""
    first, second = client(mistral_sandbox_url), client(mistral_sandbox_url, timeout=5.0)
    first.chat(ask())
    from portkey_mistral._transport.connections import Wiring, sync_client

    assert sync_client(Wiring(), "http") is sync_client(Wiring(), "http")
    assert second.chat(ask()).text
    assert isinstance(sync_client(Wiring(), "http"), httpx.Client)

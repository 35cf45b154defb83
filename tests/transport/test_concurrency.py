"""`max_concurrency`: waiting for slots, and slots that will never be released."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from kinds import ask
from portkey_mistral import APITimeoutError, Client
from portkey_mistral._transport import concurrency
from portkey_mistral._transport.concurrency import ConcurrencyLimit, ConcurrencySlot
from portkey_mistral.sandbox import Sandbox

ONE = ConcurrencyLimit("forked", 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_holds_no_slot_of_its_parent() -> None:
    with ConcurrencySlot(ONE):
        child = os.fork()
        if child == 0:
            with ConcurrencySlot(ONE):  # for ever, if the parent's were counted here
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0


def test_the_limits_of_many_tenants_are_forgotten_once_they_are_free(client: Client) -> None:
    """An application with a key for each tenant makes limits without end."""

    def limits() -> int:
        return len(concurrency._thread_slots) + sum(map(len, concurrency._loop_slots.values()))

    async def ask_all() -> int:
        before = limits()
        for number in range(20):
            tenant = Client(base_url="sandbox:", api_key=f"tenant-{number}", max_concurrency=1)
            assert (await tenant.achat(ask("Hello."))).text
            assert [delta async for delta in tenant.astream(ask("Hello."))]
            assert tenant.chat(ask("Hello.")).text
            assert [*tenant.stream(ask("Hello."))]
        return limits() - before

    with client.stream(ask("Count.")) as held:
        next(held)
        assert asyncio.run(ask_all()) == 0


@pytest.fixture
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(concurrency, "_READER_WAITS_SECONDS", 0.05)


@pytest.fixture
def client(mistral_sandbox: Sandbox) -> Client:
    mistral_sandbox.reply("one two three four five six", times=None)
    return Client(base_url="sandbox:", max_concurrency=2)


@pytest.mark.usefixtures("_short_waits")
@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_while_reading_streams_with_all_slots_is_an_error(
    client: Client, streamed: bool
) -> None:
    outer, inner = client.stream(ask("Count.")), client.stream(ask("Count."))
    next(outer), next(inner)
    with pytest.raises(APITimeoutError, match=r"max_concurrency=2.*Read a stream to its end or"):
        list(client.stream(ask("Count."))) if streamed else client.chat(ask("Count."))
    assert list(outer)
    assert list(inner)
    assert client.chat(ask("Count.")).text


@pytest.mark.usefixtures("_short_waits")
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_async_call_within_the_streams_that_hold_all_slots_is_an_error(
    client: Client, streamed: bool
) -> None:
    outer, inner = client.astream(ask("Count.")), client.astream(ask("Count."))
    await anext(outer), await anext(inner)
    with pytest.raises(APITimeoutError, match=r"max_concurrency=2.*Read a stream to its end or"):
        if streamed:
            await anext(client.astream(ask("Count.")))
        await client.achat(ask("Count."))
    await outer.aclose()
    assert (await client.achat(ask("Count."))).text
    await inner.aclose()


@pytest.mark.usefixtures("_short_waits")
def test_a_call_waits_for_a_stream_that_another_thread_reads(client: Client) -> None:
    first, second = client.stream(ask("Count.")), client.stream(ask("Count."))
    next(first), next(second)
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.chat, ask("Count."))
        for _ in first:  # the reader is this thread, which does not wait
            pass
        assert call.result().text
    second.close()
    assert not any(slots.held for slots in concurrency._thread_slots.values())


@pytest.mark.usefixtures("_short_waits")
@pytest.mark.parametrize("asynchronous", [False, True])
def test_unread_streams_do_not_block_calls_forever(
    client: Client, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    monkeypatch.setattr(concurrency, "_UNREAD_SECONDS", 0.05)

    def sync() -> None:
        kept = client.stream(ask("Count.")), client.stream(ask("Count."))
        assert [next(stream) for stream in kept]
        with ThreadPoolExecutor() as pool, pytest.raises(APITimeoutError, match="no longer read"):
            pool.submit(client.chat, ask("Count.")).result()

    async def on_a_loop() -> None:
        kept = client.astream(ask("Count.")), client.astream(ask("Count."))
        assert [await anext(stream) for stream in kept]
        with pytest.raises(APITimeoutError, match="no longer read"):
            await asyncio.gather(client.achat(ask("Count.")))
        for stream in kept:
            await stream.aclose()

    if asynchronous:
        asyncio.run(on_a_loop())
    else:
        sync()


def test_a_stream_that_is_left_gives_its_slot_back_at_once(client: Client) -> None:
    for _ in range(5):
        for _ in client.stream(ask("Count.")):
            break
    assert client.chat(ask("Count.")).text


async def test_an_async_stream_that_is_left_gives_its_slot_back(client: Client) -> None:
    for _ in range(5):
        async for _ in client.astream(ask("Count.")):
            break
    assert (await client.achat(ask("Count."))).text

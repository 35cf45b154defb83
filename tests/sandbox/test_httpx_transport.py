"""The asynchronous transport: nothing buffered, the loop left free, cancellation at once."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral.sandbox import Fault, Sandbox
from portkey_mistral.sandbox.httpx_transport import AsyncSandboxTransport
from waiting import until_async

URL = "sandbox://default/v1/chat/completions"
BODY = chat_body("Hello", stream=True)


@pytest.fixture
def sandbox():
    return Sandbox()


@pytest.fixture
async def client(sandbox):
    async with httpx.AsyncClient(transport=AsyncSandboxTransport(sandbox), headers=KEY) as client:
        yield client


async def test_events_come_one_by_one(sandbox, client):
    async with client.stream("POST", URL, json=BODY) as response:
        pieces = [piece async for piece in response.aiter_raw()]
    assert len(pieces) > 10
    assert pieces[-1] == b"data: [DONE]\n\n"
    assert sandbox.requests[0].state == "complete"


async def test_delays_leave_the_loop_free(sandbox, client):
    sandbox.inject(Fault(delay=0.5), times=20)
    replies = await asyncio.gather(*(client.post(URL, json=BODY) for _ in range(20)))
    assert {reply.status_code for reply in replies} == {200}
    assert sandbox.peak_in_flight == 20


async def cancel_once_under_way(sandbox, call):
    task = asyncio.ensure_future(call)
    await until_async(lambda: sandbox.in_flight)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_read_ends_at_once(sandbox, client):
    sandbox.inject(Fault(stall_after=1))

    async def read():
        async with client.stream("POST", URL, json=BODY, timeout=None) as response:
            async for _ in response.aiter_bytes():
                pass

    await cancel_once_under_way(sandbox, read())
    assert (sandbox.in_flight, sandbox.requests[0].state) == (0, "abandoned")


async def test_a_cancelled_wait_for_headers_ends_at_once(sandbox, client):
    sandbox.inject(Fault(delay=60))
    await cancel_once_under_way(sandbox, client.post(URL, json=BODY, timeout=None))
    assert sandbox.in_flight == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault(stall_after=1), httpx.ReadTimeout), (Fault(delay=9), httpx.ReadTimeout),
     (Fault(cut_after=1), httpx.ReadError), (Fault(connection="refused"), httpx.ConnectError)],
)  # fmt: skip
async def test_failures(sandbox, client, fault, error):
    sandbox.inject(fault)
    with pytest.raises(error):
        await client.post(URL, json=BODY, timeout=0.05)
    assert sandbox.in_flight == 0

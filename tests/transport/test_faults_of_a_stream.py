"""A fault of a stream is raised after what came with it, and at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from portkey_mistral import ChatRequest, Client, Message
from portkey_mistral.exceptions import StreamInterruptedError

WORD = b'data: {"id":"1","model":"m","choices":[{"index":0,"delta":{"content":"One"}}]}\n\n'
ERROR = b'data: {"object":"error","message":"no","type":"server_error","code":"1"}\n\n'


class Stalled(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A word and an error at once. Whoever waits for more would wait for ever."""

    def __iter__(self) -> Iterator[bytes]:
        yield WORD + ERROR
        pytest.fail("the error had come")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield WORD + ERROR
        pytest.fail("the error had come")


def respond(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stalled())


CLIENT = Client(
    api_key="k",
    base_url="https://mistral.test",
    http_client=httpx.Client(transport=httpx.MockTransport(respond)),
    http_async_client=httpx.AsyncClient(transport=httpx.MockTransport(respond)),
)
REQUEST = ChatRequest(model="m", messages=[Message.user("go")])


def test_an_error_in_the_bytes_of_a_word() -> None:
    stream = CLIENT.stream(REQUEST)
    assert next(stream).text == "One"
    with pytest.raises(StreamInterruptedError, match="no"):
        next(stream)


async def test_an_error_in_the_bytes_of_a_word_async() -> None:
    stream = CLIENT.astream(REQUEST)
    assert (await anext(stream)).text == "One"
    with pytest.raises(StreamInterruptedError, match="no"):
        await anext(stream)

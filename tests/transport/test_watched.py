"""Real tools that mock or instrument HTTP libraries see our calls, sync and async."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import httpx
import httpx2
import pytest
import respx
import vcr
from opentelemetry.instrumentation import httpx as instrumentors
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_httpx import HTTPXMock

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from portkey_mistral._transport import instrumentation
from portkey_mistral._transport.instrumentation import patched_library
from raw_server import answer, serving

URL = "http://api.test/v1"
BODY = {"model": "m", "choices": [{"message": {"content": "fine"}, "finish_reason": "stop"}]}
CHUNK = b'{"model": "m", "choices": [{"index": 0, "delta": {"content": "fine"}, "finish_reason": "stop"}]}'
EVENTS = b"data: " + CHUNK + b"\n\ndata: [DONE]\n\n"
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])


def wire(kind: Kind) -> bytes:
    if kind in KINDS:
        content = str(httpx.Response(200, json=BODY).content, "ascii").encode()
        media_type = b"application/json"
    else:
        content, media_type = EVENTS, b"text/event-stream"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
    return head % (media_type, len(content)) + content


def text(kind: Kind, url: str = URL, **fields: object) -> str:
    mine = Client(**{"base_url": url, "api_key": "k", "max_retries": 0, **fields})
    return kind.run(mine, ask(), None).text


def reply(kind: Kind) -> dict[str, object]:
    if kind in KINDS:
        return {"json": BODY}
    return {"content": EVENTS, "headers": {"content-type": "text/event-stream"}}


@every
@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx(kind: Kind, using: str) -> None:
    with respx.mock(using=using) as router:
        route = router.post(f"{URL}/chat/completions").respond(200, **reply(kind))
        assert text(kind) == "fine"
    assert route.call_count == 1


@every
def test_respx_can_fail_a_call(kind: Kind) -> None:
    with respx.mock() as router:
        router.post(f"{URL}/chat/completions").mock(
            side_effect=[httpx.ConnectError("no"), httpx.Response(200, **reply(kind))]
        )
        mine = Client(base_url=URL, api_key="k", max_retries=1)
        with mock.patch("random.Random.random", return_value=0.0):
            response = kind.run(mine, ask(), None)
    assert [attempt.status for attempt in response.info.attempts] == [500, 200]


@every
def test_pytest_httpx(kind: Kind, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{URL}/chat/completions", **reply(kind))
    assert text(kind) == "fine"
    (request,) = httpx_mock.get_requests()
    assert request.headers["authorization"] == "Bearer k"


@every
def test_vcrpy(kind: Kind, tmp_path: Path) -> None:
    """It supports every library itself; the second time there is no server."""
    cassette = str(tmp_path / "calls.yaml")
    with serving(answer(wire(kind))) as server:
        with vcr.use_cassette(cassette):
            assert text(kind, server.url) == "fine"
        url = server.url
    assert len(server.requests) == 1
    with vcr.use_cassette(cassette, record_mode="none") as played:
        assert text(kind, url) == "fine"
        assert played.play_count == 1


@every
@pytest.mark.parametrize("transport", ["auto", "httpx"])
def test_vcrpy_records_existing_connections(kind: Kind, transport: str, tmp_path: Path) -> None:
    with serving(answer(wire(kind))) as server:
        assert text(kind, server.url, transport=transport) == "fine"
        with vcr.use_cassette(str(tmp_path / "calls.yaml")) as cassette:
            assert text(kind, server.url, transport=transport) == "fine"
            assert len(cassette.requests) == 1
        assert text(kind, server.url, transport=transport) == "fine"
    assert len(server.requests) == 3


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


# 0.65 brought the second one.
@pytest.fixture(
    params=[
        getattr(instrumentors, name)
        for name in ("HTTPXClientInstrumentor", "HTTPX2ClientInstrumentor")
        if hasattr(instrumentors, name)
    ]
)
def instrumented(request: pytest.FixtureRequest, provider: TracerProvider) -> Iterator[str]:
    instrumentor = request.param()
    instrumentor.instrument(tracer_provider=provider)
    yield request.param.__name__
    instrumentor.uninstrument()


@every
def test_opentelemetry(
    kind: Kind, instrumented: str, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    tracer = provider.get_tracer("test")
    with serving(answer(wire(kind))) as server, tracer.start_as_current_span("mine") as mine:
        assert text(kind, server.url) == "fine"
    call, _ = spans.get_finished_spans()
    assert call.name == "POST"
    assert call.context.trace_id == mine.get_span_context().trace_id
    assert f"-{call.context.span_id:016x}-".encode() in server.requests[0]


@every
def test_opentelemetry_from_the_next_call_on_and_no_longer(
    kind: Kind, spans: InMemorySpanExporter, provider: TracerProvider
) -> None:
    instrumentor = HTTPXClientInstrumentor()
    with serving(answer(wire(kind))) as server:
        mine = Client(base_url=server.url, api_key="k")
        assert kind.run(mine, ask(), None).text == "fine"
        instrumentor.instrument(tracer_provider=provider)
        try:
            assert kind.run(mine, ask(), None).text == "fine"
        finally:
            instrumentor.uninstrument()
        assert kind.run(mine, ask(), None).text == "fine"
    assert len(spans.get_finished_spans()) == 1
    assert [b"traceparent" in request for request in server.requests] == [False, True, False]


# --- who is taken for a watcher -------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_unpatched_libraries_are_not_detected_as_patched(is_async: bool) -> None:
    """If httpx renamed a checked attribute, it would always count as patched."""
    assert {"httpx", "httpcore", "httpx2"} <= set(sys.modules)
    assert patched_library(is_async=is_async) is None


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize(
    ("is_async", "cls", "method"),
    [
        *((False, cls, method) for cls, method in instrumentation._SYNC),
        *((True, cls, method) for cls, method in instrumentation._ASYNC),
    ],
)
def test_a_patch_is_detected_while_it_is_active(
    library, is_async: bool, cls: str, method: str
) -> None:
    with mock.patch.object(getattr(library, cls), method):
        assert patched_library(is_async=is_async) == library.__name__
        assert patched_library(is_async=not is_async) is None
    assert patched_library(is_async=is_async) is None


async def test_a_new_session_is_created_if_its_constructor_was_patched() -> None:
    """OpenTelemetry's instrumentor of aiohttp sees only sessions that are made after it."""
    import aiohttp

    made: list[object] = []
    original = aiohttp.ClientSession.__init__

    def watched(self, *arguments, **options):
        made.append(self)
        original(self, *arguments, **options)

    with serving(answer(wire(KINDS[1]))) as server:
        mine = Client(base_url=server.url, api_key="k")
        assert (await mine.achat(ask())).text == "fine"
        with mock.patch.object(aiohttp.ClientSession, "__init__", watched):
            for _ in range(2):
                assert (await mine.achat(ask())).text == "fine"
        assert (await mine.achat(ask())).text == "fine"
    assert len(made) == 1
    await asyncio.sleep(0)

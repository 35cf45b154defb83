"""A call from end to end: the SDK's own OTLP exporter, over HTTP, to a collector on loopback."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from scripted import answer, network, stream
from telemetry import watched


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, in protobuf, as a collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Intake)
        self.scopes: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    @property
    def spans(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for scope in self.scopes:
            for span in scope.spans:
                found.setdefault(span.name, []).append(span)
        return found


class Intake(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.server.scopes += resource.scope_spans
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def value(span: Span, name: str) -> object:
    (found,) = (each.value for each in span.attributes if each.key == name)
    return getattr(found, found.WhichOneof("value"))


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_a_fallback_reaches_a_collector(kind: Kind, collector: Collector) -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "mistral-ai", "custom_host": "http://a.test/v1"},
            {"provider": "mistral-ai", "custom_host": "http://b.test/v1"},
        ],
    }
    replied = answer("Hi!") if kind in KINDS else stream({"content": "Hi!"})
    replies = network(httpx.Response(503, json={"message": "down"}), replied)
    with watched(OTLPSpanExporter(endpoint=collector.url)) as otel:
        mine = Client(api_key="sk-secret-key", portkey_config=config, **replies.clients)
        with otel.tracer.start_as_current_span("mine"):
            assert kind.run(mine, ask(), None).text == "Hi!"
    (mine_,), (call,) = collector.spans["mine"], collector.spans["chat mistral-small-latest"]
    first, second = collector.spans["POST /v1/chat/completions"]
    assert call.parent_span_id == mine_.span_id
    assert first.parent_span_id == second.parent_span_id == call.span_id
    assert {span.trace_id for span in (mine_, call, first, second)} == {mine_.trace_id}
    assert call.kind == first.kind == Span.SPAN_KIND_CLIENT
    assert value(call, "gen_ai.usage.input_tokens") == 10
    assert value(second, "http.request.resend_count") == 1
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert (call.status.code, second.status.code) == (Status.STATUS_CODE_UNSET,) * 2
    scopes = {(scope.scope.name, scope.schema_url) for scope in collector.scopes}
    assert ("portkey_mistral", "https://opentelemetry.io/schemas/gen-ai/1.42.0") in scopes
    assert "sk-secret-key" not in str(collector.scopes)

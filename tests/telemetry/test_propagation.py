"""The trace context: to gateways, to providers where the user names it, and between processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import httpx
import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from kinds import KINDS, STREAMED, Kind, ask
from langchain_portkey_mistral import PortkeyMistralEmbeddings
from portkey_mistral import CallOptions, ChatRequest, Client, EmbeddingRequest
from portkey_mistral.requests import ResponseFormat
from portkey_mistral.sandbox.portkey.request import trace_id
from scripted import Network, answer, network, stream
from telemetry import Watched

every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
DIRECT = {"base_url": "https://api.test/v1", "api_key": "k"}
GATEWAY = {"gateway_url": "https://gateway.test/v1", "api_key": "k"}
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
FOREIGN = f"00-{TRACE}-{SPAN}-01"
# The open-source gateway's unified lane drops it.
ON_PROXY_LANE = {"response_format": ResponseFormat("json_object")}


def sent(
    kind: Kind,
    *fields: dict[str, object],
    request: ChatRequest | None = None,
    options: CallOptions | None = None,
) -> httpx.Headers:
    """Return the headers of a call's one request."""
    network_ = network(answer("{}") if kind in KINDS else stream({"content": "{}"}))
    known: dict[str, object] = {"max_retries": 0, **network_.clients}
    for more in fields:
        known |= more
    kind.run(Client(**known), request or ask(), options)
    (http_request,) = network_.requests
    return http_request.headers


def traceparent(span) -> str:  # type: ignore[no-untyped-def]
    context = span.context
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@every
def test_a_gateway_gets_the_trace_and_portkeys_trace_id_is_that_of_the_trace(
    kind: Kind, otel: Watched
) -> None:
    headers = sent(kind, GATEWAY)
    (attempt,) = otel.attempts
    assert headers["traceparent"] == traceparent(attempt)
    assert headers["x-portkey-trace-id"] == f"{attempt.context.trace_id:032x}"
    # Hosted Portkey comes to the same id from either.
    assert trace_id({"traceparent": headers["traceparent"]}) == headers["x-portkey-trace-id"]


@every
def test_a_trace_id_of_the_callers_wins(kind: Kind, otel: Watched) -> None:
    for fields, options in (
        ({"trace_id": "mine"}, None),
        ({}, CallOptions(trace_id="mine")),
        ({"default_headers": {"x-portkey-trace-id": "mine"}}, None),
    ):
        headers = sent(kind, GATEWAY, fields, options=options)
        assert headers["x-portkey-trace-id"] == "mine"
        assert "traceparent" in headers
    assert {call.attributes["portkey_mistral.trace_id"] for call in otel.calls} == {"mine"}


@every
def test_tracestate_goes_along_and_baggage_does_not(kind: Kind, otel: Watched) -> None:
    carrier = {"traceparent": FOREIGN, "tracestate": "vendor=1", "baggage": "user=1"}
    token = context.attach(propagate.extract(carrier))
    try:
        headers = sent(kind, GATEWAY)
        named = sent(kind, GATEWAY, {"forward_headers": ["baggage"]})
    finally:
        context.detach(token)
    assert headers["tracestate"] == "vendor=1"
    assert "baggage" not in headers
    assert named["baggage"] == "user=1"
    assert {call.parent.span_id for call in otel.calls} == {int(SPAN, 16)}


@every
def test_the_lane_that_passes_headers_on_sends_none(kind: Kind, otel: Watched) -> None:
    request = ask(**ON_PROXY_LANE)
    headers = sent(kind, GATEWAY, request=request)
    assert "traceparent" not in headers
    assert headers["x-portkey-trace-id"] == f"{otel.call.context.trace_id:032x}"
    assert otel.call.attributes["portkey_mistral.lane"] == "proxy"
    named = sent(kind, GATEWAY, {"forward_headers": ["traceparent"]}, request=request)
    assert named["traceparent"] == traceparent(otel.attempts[1])


@every
def test_a_provider_gets_none(kind: Kind, otel: Watched) -> None:
    headers = sent(kind, DIRECT)
    assert {"traceparent", "tracestate", "baggage", "x-portkey-trace-id"}.isdisjoint(headers)
    assert len(otel.calls) == 1


@every
@pytest.mark.parametrize(
    "fields",
    [
        {"forward_headers": ["traceparent"]},
        {"portkey_config": {"provider": "mistral-ai", "forward_headers": ["traceparent"]}},
    ],
)
def test_a_provider_gets_it_where_the_user_names_it(kind: Kind, fields, otel: Watched) -> None:
    headers = sent(kind, DIRECT, fields)
    assert headers["traceparent"] == traceparent(otel.attempts[0])
    assert "x-portkey-trace-id" not in headers


def test_only_the_target_that_names_it_gets_it(otel: Watched) -> None:
    config = {
        "strategy": {"mode": "fallback"},
        "targets": [
            {"provider": "mistral-ai"},
            {"provider": "mistral-ai", "custom_host": "https://own.test/v1"},
        ],
    }
    config["targets"][1]["forward_headers"] = ["traceparent"]  # type: ignore[index]
    replies = network(httpx.Response(500, json={}), answer("a"))
    fields = {**DIRECT, **replies.clients, "portkey_config": config}
    Client(**fields).chat(ask())
    first, second = replies.requests
    assert "traceparent" not in first.headers
    assert second.headers["traceparent"] == traceparent(otel.attempts[1])


def test_each_attempt_has_a_parent_of_its_own(otel: Watched) -> None:
    replies: Network = network(httpx.ConnectError("gone"), answer("a"))
    Client(**GATEWAY, **replies.clients, max_retries=1).chat(ask())
    assert [request.headers["traceparent"] for request in replies.requests] == [
        traceparent(attempt) for attempt in otel.attempts
    ]


def test_feedback_names_the_trace_of_the_call_not_its_own(otel: Watched) -> None:
    replies = network(httpx.Response(200, json={"status": "success", "feedback_ids": ["f"]}))
    fields = {"portkey_api_key": "pk", **replies.clients}
    Client(**fields).feedback("the-call", 1)
    assert b"the-call" in replies.requests[0].content
    assert "x-portkey-trace-id" not in replies.requests[0].headers


@every
def test_a_trace_is_carried_on_without_an_sdk(kind: Kind) -> None:
    assert trace.get_tracer_provider().__class__ is trace.ProxyTracerProvider
    assert "traceparent" not in sent(kind, GATEWAY)
    token = context.attach(propagate.extract({"traceparent": FOREIGN}))
    try:
        assert sent(kind, GATEWAY)["traceparent"] == FOREIGN
    finally:
        context.detach(token)


# --- the user's own headers -----------------------------------------------------------------------


@every
@pytest.mark.parametrize("mode", [DIRECT, GATEWAY])
def test_a_traceparent_of_the_users_is_the_parent(kind: Kind, mode, otel: Watched) -> None:
    headers = sent(kind, mode, {"default_headers": {"Traceparent": FOREIGN}})
    assert otel.call.parent.span_id == int(SPAN, 16)
    assert otel.call.context.trace_id == int(TRACE, 16)
    # In direct mode without a config the user's headers are for the one host.
    assert headers["traceparent"] == traceparent(otel.attempts[0])


@every
def test_the_current_span_comes_before_it(kind: Kind, otel: Watched) -> None:
    with otel.tracer.start_as_current_span("mine") as mine:
        sent(kind, GATEWAY, {"default_headers": {"traceparent": FOREIGN}})
    assert otel.call.parent.span_id == mine.get_span_context().span_id


def test_it_is_left_as_it_is_where_nobody_traces() -> None:
    headers = sent(KINDS[0], GATEWAY, {"default_headers": {"traceparent": FOREIGN}})
    assert headers["traceparent"] == FOREIGN


WORKER = """
import os, pickle, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
embedding = pickle.loads(sys.stdin.buffer.read())
assert len(embedding.embed_documents(["a", "b"])) == 2
"""


def test_a_trace_reaches_another_process_with_a_pickled_object(otel: Watched) -> None:
    """As Ray's workers get it: there the caller's span is not current."""
    with otel.tracer.start_as_current_span("mine") as mine:
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        embedding = PortkeyMistralEmbeddings(base_url="sandbox:", default_headers=carrier)
    done = subprocess.run(
        [sys.executable, "-c", WORKER],
        input=pickle.dumps(embedding),
        capture_output=True,
        check=True,
        env=os.environ | {"OTEL_TRACES_EXPORTER": "none"},
    )
    spans = done.stdout.decode()
    assert f'"parent_id": "0x{mine.get_span_context().span_id:016x}"' in spans
    assert spans.count(f'"trace_id": "0x{mine.get_span_context().trace_id:032x}"') == 2
    assert '"name": "embeddings mistral-embed"' in spans


# --- other instrumentations -----------------------------------------------------------------------


@every
def test_spans_of_http_libraries_are_children_of_the_attempt(
    kind: Kind, otel: Watched, mistral_sandbox_url: str
) -> None:
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=otel.tracers)
    try:
        kind.run(Client(base_url=mistral_sandbox_url, api_key="k"), ask(), None)
    finally:
        instrumentor.uninstrument()
    (theirs,) = [span for span in otel.spans if span.name == "POST"]
    assert theirs.parent.span_id == otel.attempts[0].context.span_id


def test_embeddings_carry_the_trace_into_their_threads(otel: Watched) -> None:
    vectors = {"object": "list", "model": "mistral-embed", "usage": {"prompt_tokens": 1}}

    def body(count: int) -> httpx.Response:
        data = [{"index": index, "embedding": [1.0]} for index in range(count)]
        return httpx.Response(200, json={**vectors, "data": data})

    replies = network(body(512), body(512))
    fields = {**GATEWAY, **replies.clients, "max_concurrency": 1}
    token = context.attach(baggage.set_baggage("a", "b"))
    try:
        texts = ["a"] * 1024
        Client(**fields).embed(EmbeddingRequest(model="mistral-embed", inputs=texts))
    finally:
        context.detach(token)
    assert {request.headers["traceparent"] for request in replies.requests} == {
        traceparent(attempt) for attempt in otel.attempts
    }
    assert len(otel.attempts) == 2

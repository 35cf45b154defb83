"""Injected faults, seen from a client over the in-process transport."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from mistral_calls import KEY, chat_body, tool
from portkey_mistral.sandbox import Fault, Sandbox, get, names, reset
from portkey_mistral.sandbox.httpx_transport import SandboxTransport

URL = "sandbox://default/v1/chat/completions"
BODY = chat_body("Hello", stream=True)


@pytest.fixture
def sandbox():
    return Sandbox()


@pytest.fixture
def client(sandbox):
    with httpx.Client(transport=SandboxTransport(sandbox), headers=KEY) as client:
        yield client


def stream(client, body=BODY, **options):
    with client.stream("POST", URL, json=body, **options) as response:
        return response.read()


def payloads(raw):
    return [part.removeprefix(b"data: ") for part in raw.split(b"\n\n") if part]


def test_a_status_in_mistrals_shape_and_then_health(sandbox, client):
    sandbox.fail(429, times=2, retry_after=1.5)
    for _ in range(2):
        response = client.post(URL, json=BODY)
        assert (response.status_code, response.headers["retry-after"]) == (429, "1.5")
        assert (response.json()["type"], response.json()["code"]) == ("rate_limited", "1300")
    assert client.post(URL, json=BODY).status_code == 200


@pytest.mark.parametrize(
    ("body", "content_type", "sent"),
    [("", "text/html", b""), ("<html>", "text/html", b"<html>"), ({"a": 1}, "application/json", b'{"a":1}')],
)  # fmt: skip
def test_a_body_of_ones_own(sandbox, client, body, content_type, sent):
    sandbox.fail(502, body=body, headers={"x-own": "1"})
    response = client.post(URL, json=BODY)
    assert (response.status_code, response.content, response.headers["x-own"]) == (502, sent, "1")
    assert response.headers["content-type"] == content_type


def test_a_fault_replaces_the_answer_even_of_a_wrong_request(sandbox, client):
    sandbox.fail(503)
    assert client.post(URL, content=b"{").status_code == 503
    sandbox.fail(401)
    assert client.post(URL, json=BODY).json() == {"detail": "Unauthorized"}


def test_for_ever_until_reset(sandbox, client):
    sandbox.fail(500, times=None)
    assert {client.post(URL, json=BODY).status_code for _ in range(5)} == {500}
    sandbox.reset()
    assert client.post(URL, json=BODY).status_code == 200
    assert len(sandbox.requests) == 1


def test_a_fault_may_concern_some_requests_only(sandbox, client):
    sandbox.inject(Fault(status=500, on="/embeddings"))
    sandbox.inject(Fault(status=400, when="poison"), times=None)
    assert client.post(URL, json=BODY).status_code == 200
    assert client.post(URL, json=chat_body("a poison text")).status_code == 400
    request = {"model": "mistral-embed", "input": "x"}
    url = "sandbox://default/v1/embeddings"
    assert [client.post(url, json=request).status_code for _ in range(2)] == [500, 200]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("reset", httpx.ReadError),
        ("refused", httpx.ConnectError),
        ("timeout", httpx.ConnectTimeout),
    ],
)
def test_connections_that_fail(sandbox, client, how, error):
    sandbox.inject(Fault(connection=how))
    with pytest.raises(error):
        client.post(URL, json=BODY)
    assert sandbox.requests[-1].state == "abandoned"


def test_a_cut_after_events(sandbox, client):
    sandbox.inject(Fault(cut_after=3))
    seen = b""
    with pytest.raises(httpx.ReadError), client.stream("POST", URL, json=BODY) as response:
        for data in response.iter_bytes():
            seen += data
    assert len(payloads(seen)) == 3


def test_a_clean_cut_ends_the_body_without_done(sandbox, client):
    sandbox.inject(Fault(cut_after=3, clean_cut=True))
    assert len(payloads(stream(client))) == 3


@pytest.mark.parametrize("body", [BODY, chat_body("Hello")])
def test_a_cut_after_bytes(sandbox, client, body):
    sandbox.inject(Fault(cut_bytes=100, clean_cut=True))
    assert len(stream(client, body)) == 100


def test_a_stall_longer_than_the_read_timeout(sandbox, client):
    sandbox.inject(Fault(stall_after=2))
    with pytest.raises(httpx.ReadTimeout):
        stream(client, timeout=httpx.Timeout(5, read=0.05))
    assert sandbox.requests[-1].state == "abandoned"
    assert sandbox.in_flight == 0


def test_delays_are_waited_for(sandbox, client):
    sandbox.inject(Fault(delay=0.05, event_delay=0.002))
    assert payloads(stream(client, timeout=5))[-1] == b"[DONE]"
    sandbox.inject(Fault(delay=10))
    with pytest.raises(httpx.ReadTimeout):
        stream(client, timeout=0.02)


def test_broken_json_and_an_error_in_the_middle(sandbox, client):
    sandbox.inject(Fault(garble_after=2))
    with pytest.raises(json.JSONDecodeError):
        json.loads(payloads(stream(client))[2])
    sandbox.inject(Fault(error_after=2, cut_after=3, clean_cut=True))
    last = json.loads(payloads(stream(client))[-1])
    assert (last["object"], last["type"], last["code"]) == ("error", "internal_error", "3000")


def test_dialects_of_the_end(sandbox, client):
    sandbox.inject(Fault(usage="alone", no_done=True))
    last = json.loads(payloads(stream(client))[-1])
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] > 0
    sandbox.inject(Fault(usage="none"))
    assert b"usage" not in stream(client)


def test_calls_in_fragments(sandbox, client):
    body = chat_body("Use the tool with 5", tools=[tool("f", a={"type": "integer"})], stream=True)
    sandbox.inject(Fault(split_calls=True))
    raw = stream(client, body)
    assert b'"id":"null"' in raw
    assert b'"arguments":""' in raw


def test_framings_carry_the_same_events(sandbox, client):
    plain = stream(client)
    for framing, end in (("crlf", b"\r\n"), ("comments", b"\n")):
        sandbox.inject(Fault(framing=framing, piece_bytes=7))
        raw = stream(client).replace(b": keep-alive\n\n", b"")
        assert raw.count(end) == plain.count(b"\n")
        assert without_identity(raw.replace(b"\r\n", b"\n")) == without_identity(plain)


def without_identity(raw: bytes) -> bytes:
    """Return a stream without what is each answer's own: its id and the second in which it was made."""
    return re.sub(rb'"(id":"[0-9a-f]{32}|created":\d+)', b'"', raw)


def test_pieces_split_characters(sandbox, client):
    sandbox.inject(Fault(piece_bytes=1))
    with client.stream("POST", URL, json=chat_body("Say exactly: 世界")) as response:
        assert {len(piece) for piece in response.iter_raw()} == {1}
        assert response.status_code == 200


@pytest.mark.parametrize(("how", "order"), [("shuffled", [1, 0, 2]), ("short", [0, 1])])
def test_vectors_out_of_order(sandbox, client, how, order):
    sandbox.inject(Fault(vectors=how))
    request = {"model": "mistral-embed", "input": ["a", "b", "c"]}
    rows = client.post("sandbox://default/v1/embeddings", json=request).json()["data"]
    assert [row["index"] for row in rows] == order


def test_a_header_orders_a_fault_for_its_request_alone(client):
    fault = {"x-sandbox-fault": json.dumps({"status": 418, "body": "tea"})}
    assert client.post(URL, json=BODY, headers=fault).status_code == 418
    assert client.post(URL, json=BODY).status_code == 200


@pytest.mark.parametrize("text", ["{", '{"sttus": 500}', '{"delay": "long"}', "[]"])
def test_a_fault_that_cannot_be_read_says_why(client, text):
    response = client.post(URL, json=BODY, headers={"x-sandbox-fault": text})
    assert response.status_code == 400
    assert "x-sandbox-fault is invalid" in response.json()["message"]


def test_named_sandboxes_are_found_by_host_and_are_apart():
    with httpx.Client(transport=SandboxTransport(), headers=KEY) as client:
        get("east").fail(503)
        assert client.post("sandbox://west/v1/chat/completions", json=BODY).status_code == 200
        assert client.post("sandbox://east/v1/chat/completions", json=BODY).status_code == 503
    assert {"east", "west"} <= set(names())
    assert get("east") is get("east")
    reset()
    assert get("east").requests == []


def test_requests_are_recorded_without_the_key(sandbox, client):
    client.post(URL, json=BODY)
    [exchange] = sandbox.requests
    assert (exchange.method, exchange.path, exchange.status, exchange.state) == (
        "POST", "/v1/chat/completions", 200, "complete",
    )  # fmt: skip
    assert exchange.body["messages"][0]["content"] == "Hello"
    assert exchange.headers["authorization"] == "Bearer key"
    assert "Bearer" not in repr(exchange)
    assert "Bearer" not in repr(sandbox)


def test_a_stream_left_early_is_seen(sandbox, client):
    with client.stream("POST", URL, json=BODY) as response:
        next(response.iter_bytes())
        assert (sandbox.in_flight, sandbox.requests[0].state) == (1, "open")
    assert (sandbox.in_flight, sandbox.requests[0].state) == (0, "abandoned")

"""Access to the sandbox's server: not for web pages, and within limits."""

from __future__ import annotations

import http.client
import json

import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral.sandbox import Sandbox, get, reset
from portkey_mistral.sandbox import sandbox as sandboxes
from portkey_mistral.sandbox.access import MAX_BODY_BYTES
from portkey_mistral.sandbox.server import running

CHAT = "/v1/chat/completions"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def root():
    with running() as url:
        yield url


@pytest.fixture
def send(root):
    reset()

    def send(method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(root.removeprefix("http://"))
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    return send


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.nip.io",
        "localhost.evil.example",
        "x@y",
        "[",
        "",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/s/default/requests"), ("POST", CHAT), ("DELETE", "/s/a/faults")]
)
def test_a_foreign_host_is_refused(send, host, method, path):
    send("POST", CHAT, json.dumps(chat_body("PRIVATE")), {**KEY, **JSON})
    status, text = send(method, path, headers={"host": host, **KEY})
    assert status == 421
    assert "PRIVATE" not in text
    assert len(get().requests) == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:1", "localhost", "LOCALHOST:80", "[::1]:8765", "10.1.2.3", "sandbox",
     "app.localhost", "host.docker.internal", "build-box.local", "sandbox.ns.svc.cluster.local"],
)  # fmt: skip
def test_names_that_no_page_of_the_web_can_have_are_served(send, host):
    assert send("GET", "/v1/models", headers={"host": host, **KEY})[0] == 200


def test_a_name_can_be_allowed():
    with running(allowed_hosts=["sandbox.example.com"]) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"))
        connection.request("GET", "/v1/models", headers={"host": "sandbox.example.com", **KEY})
        assert connection.getresponse().status == 200
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": "multipart/form-data; boundary=x"},
        {},
        {**JSON, "origin": "https://evil.example"},
        {**JSON, "origin": "null"},
        {**JSON, "sec-fetch-site": "cross-site"},
    ],
)
def test_a_page_cannot_inject_faults(send, headers):
    assert send("POST", "/s/default/faults?times=always", '{"status": 503}', headers)[0] in (
        403,
        415,
    )
    assert send("POST", CHAT, json.dumps(chat_body("Hi")), {**KEY, **JSON})[0] == 200


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"origin": "null"}])
@pytest.mark.parametrize(("method", "path"), [("DELETE", "/s/a/faults"), ("GET", "/s/a/requests")])
def test_a_page_cannot_read_or_reset(send, method, path, headers):
    assert send(method, path, headers=headers)[0] == 403


def test_json_in_any_spelling_injects_a_fault(send, root):
    same = {"origin": root, "content-type": "Application/JSON; charset=utf-8"}
    assert send("POST", "/s/default/faults", '{"status": 503}', same)[0] == 200
    assert send("POST", CHAT, json.dumps(chat_body("Hi")), {**KEY, **JSON})[0] == 503


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_is_bounded(root, announced):
    reset()
    connection = http.client.HTTPConnection(root.removeprefix("http://"))
    piece = b"x" * 2**20
    pieces = MAX_BODY_BYTES // len(piece) + 2
    headers = {**KEY, **({"content-length": str(pieces * len(piece))} if announced else {})}
    body = (piece for _ in range(pieces))
    try:
        connection.request("POST", CHAT, body, headers, encode_chunked=not announced)
    except (BrokenPipeError, ConnectionResetError):  # answered before all of it was sent
        pass
    else:
        assert connection.getresponse().status == 413
    connection.close()
    assert get().requests == []


@pytest.mark.parametrize("times", ["9" * 5000, "0", "-1", "often", "1e3"])
def test_times_is_a_number_that_makes_sense(send, times):
    status, text = send("POST", f"/s/a/faults?times={times}", "{}", JSON)
    assert status == 400
    assert "times" in text
    assert len(text) < 500


def test_sandboxes_are_bounded(send, monkeypatch):
    monkeypatch.setattr(sandboxes, "MAX_SANDBOXES", len(sandboxes.names()) + 1)
    assert send("GET", "/s/one-more/requests")[0] == 200
    status, text = send("GET", "/s/too-many/requests")
    assert status == 400
    assert "too many sandboxes" in text.lower()
    assert "reset()" in text
    assert send("GET", "/s/one-more/requests")[0] == 200
    reset()
    assert send("GET", "/s/too-many/requests")[0] == 200


def test_a_sandbox_that_is_held_outlives_a_reset():
    held = get("held")
    held.fail(503)
    get("not-held").fail(503)
    reset()
    assert not {"held", "not-held"} & set(sandboxes.names())
    held.fail(500)
    reset()
    assert get("held") is held
    for name in ("held", "not-held"):
        assert (
            get(name).handle("POST", CHAT, KEY, json.dumps(chat_body("Hi")).encode()).status == 200
        )


def test_what_is_recorded_is_bounded(monkeypatch):
    monkeypatch.setattr(sandboxes, "MAX_REQUESTS", 3)
    monkeypatch.setattr(sandboxes, "MAX_RECORDED_BYTES", 1000)
    box = Sandbox()
    for number in range(5):
        box.handle("POST", CHAT, KEY, json.dumps(chat_body(str(number))).encode()).close()
    assert [each.body["messages"][0]["content"] for each in box.requests] == ["2", "3", "4"]
    box.handle("POST", CHAT, KEY, json.dumps(chat_body("x" * 2000)).encode()).close()
    assert len(box.requests) == 1
    box.reset()
    box.handle("POST", CHAT, KEY, json.dumps(chat_body("5")).encode()).close()
    assert len(box.requests) == 1


def test_prompts_under_cache_keys_are_bounded(monkeypatch):
    monkeypatch.setattr(sandboxes, "MAX_CACHED_PROMPTS", 2)
    box = Sandbox()
    prompt = "Tell me about the weather in Lyon. " * 20
    for key in ("a", "b", "a", "c"):
        body = chat_body(prompt, prompt_cache_key=key)
        box.handle("POST", CHAT, KEY, json.dumps(body).encode()).close()

    def cached(key):
        body = json.dumps(chat_body(prompt, prompt_cache_key=key)).encode()
        usage = json.loads(box.handle("POST", CHAT, KEY, body).read())["usage"]
        return usage["prompt_tokens_details"]["cached_tokens"]

    assert cached("a") > 0  # used more recently than b
    assert cached("b") == 0

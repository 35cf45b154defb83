"""The sandbox over HTTP, on a real socket."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import httpx
import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral._transport.keepalive import KEEP_SECONDS
from portkey_mistral.sandbox import Fault, asgi, get, reset
from portkey_mistral.sandbox.server import app, running
from waiting import until

BODY = chat_body("Hello", stream=True)
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def root():
    with running() as url:
        yield url


@pytest.fixture
def client(root):
    reset()
    # Reading certificates takes longer than a test, and plain HTTP needs none.
    with httpx.Client(base_url=root, headers=KEY, timeout=60, verify=False) as client:
        yield client


def settled(name="default"):
    """Wait until the server has seen its readers leave."""
    until(lambda: not get(name).in_flight)
    return get(name)


def test_a_stream_comes_event_by_event(client):
    get().inject(Fault(stall_after=3))
    with client.stream("POST", PATH, json=BODY) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        text = ""
        lines = response.iter_text()
        while text.count("\n\n") < 3:
            text += next(lines)
    assert text.count("\n\n") == 3


def test_checks_and_models_as_in_process(client):
    assert client.post(PATH, json={**BODY, "seed": 1}).status_code == 422
    assert client.get("/v1/models").json()["object"] == "list"
    assert client.get("/nothing").json() == {"detail": "Not Found"}
    assert client.get("/v1/models", headers={"authorization": ""}).status_code == 401


def test_two_names_are_two_targets(client):
    get("east").fail(503)
    assert client.post(f"/s/east{PATH}", json=BODY).status_code == 503
    assert client.post(f"/s/west{PATH}", json=BODY).status_code == 200
    assert client.post(f"/s/east{PATH}", json=BODY).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [{"cut_after": 2}, {"cut_bytes": 300}, {"connection": "reset"}, {"connection": "refused"}],
)
def test_broken_connections(client, fault):
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post(PATH, json=BODY, headers={"x-sandbox-fault": json.dumps(fault)})
    assert settled().requests[-1].state == "abandoned"
    assert client.post(PATH, json=BODY).status_code == 200


@pytest.mark.parametrize("fault", [Fault(stall_after=1), Fault(event_delay=0.05)])
def test_leaving_a_stream_early_is_seen(client, fault):
    get().inject(fault)
    with client.stream("POST", PATH, json=BODY) as response:
        next(response.iter_raw())
    assert settled().requests[-1].state == "abandoned"
    assert [each["state"] for each in client.get("/s/default/requests").json()] == ["abandoned"]


def test_control_over_http(client):
    assert client.post("/s/far/faults?times=2", json={"status": 500}).json() == {"ordered": True}
    statuses = [client.post(f"/s/far{PATH}", json=BODY).status_code for _ in range(3)]
    assert statuses == [500, 500, 200]
    client.post("/s/far/faults?times=always", json={"status": 503, "retry_after": 3})
    answers = [client.post(f"/s/far{PATH}", json=BODY) for _ in range(3)]
    assert [(each.status_code, each.headers["retry-after"]) for each in answers] == [(503, "3")] * 3
    seen = client.get("/s/far/requests")
    assert [each["status"] for each in seen.json()] == [500, 500, 200, 503, 503, 503]
    assert "Bearer" not in seen.text
    assert client.delete("/s/far/faults").json() == {"reset": True}
    assert client.get("/s/far/requests").json() == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/s/a/faults?times=often", 400), ("PUT", "/s/a/faults", 405), ("POST", "/s/a/requests", 405), ("GET", "/s/a/other", 404)],
)  # fmt: skip
def test_control_that_makes_no_sense(client, method, path, status):
    assert client.request(method, path, json={}).status_code == status


def test_many_at_once(client):
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(client.post(PATH, json=BODY).status_code))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 12


def test_as_a_program(tmp_path):
    command = [sys.executable, "-m", "portkey_mistral.sandbox", "--port", "0"]
    log = tmp_path / "log"
    with log.open("w") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            url = _address(log, process)
            assert httpx.post(f"{url}{PATH}", json=BODY, headers=KEY).status_code == 200
        finally:
            process.terminate()
    assert process.returncode is not None


def _address(log, process):
    def addresses():
        assert process.poll() is None, log.read_text()
        return [word for word in log.read_text().split() if word.startswith("http://")]

    until(addresses)
    return addresses()[0]


def test_it_keeps_idle_connections_longer_than_clients_do():
    """A request that crosses the server's close is lost, and a POST must not be sent again."""
    server = asgi._server(app, "127.0.0.1", 0, log_level="critical")
    assert server.config.timeout_keep_alive > KEEP_SECONDS

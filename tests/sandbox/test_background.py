"""`Sandbox.url`: the sandboxes of a process over HTTP, served from when a URL is first read."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx
import pytest

from mistral_calls import KEY, chat_body
from portkey_mistral import Client
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox import Sandbox, get, reset


@pytest.fixture(autouse=True)
def _reset() -> None:
    reset()


def send(url: str, text: str = "Hello") -> httpx.Response:
    return httpx.post(f"{url}/chat/completions", json=chat_body(text), headers=KEY, timeout=60)


@pytest.mark.parametrize("name", ["default", "east", "a b", "Ä?#%"])
def test_it_is_that_of_the_sandbox(name: str) -> None:
    box = get(name)
    box.reply("From here.")
    assert send(box.url).json()["choices"][0]["message"]["content"] == "From here."
    assert [each.path for each in box.requests] == ["/v1/chat/completions"]
    assert Client(base_url=box.url, api_key="k").settings.base_url == box.url


def test_one_server_serves_all() -> None:
    assert {get(name).url.partition("/s/")[0] for name in ("east", "west")} == {
        get().url.removesuffix("/v1")
    }


@pytest.mark.parametrize("box", [Sandbox("made by hand"), get("a/b"), get("")], ids=repr)
def test_a_sandbox_that_no_path_leads_to(box: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="has no URL") as error:
        _ = box.url
    assert repr(box.name) in str(error.value)


def test_many_threads_start_one_server() -> None:
    code = """
import threading
from portkey_mistral.sandbox import get
urls = []
threads = [threading.Thread(target=lambda: urls.append(get().url)) for _ in range(8)]
[each.start() for each in threads]; [each.join() for each in threads]
print(len(urls), len(set(urls)))
"""
    assert run(code) == "8 1"


def test_the_process_ends_at_once_and_without_a_warning() -> None:
    # A stream that is never read to its end is open then.
    code = """
import httpx
from portkey_mistral.sandbox import Fault, get
get().inject(Fault(stall_after=1))
body = {"model": "mistral-small-latest", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
client = httpx.Client(headers={"authorization": "Bearer k"})
answer = client.send(client.build_request("POST", f"{get().url}/chat/completions", json=body), stream=True)
print(answer.status_code)
answer.close(); client.close()
"""
    assert run(code) == "200"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_a_server_of_its_own() -> None:
    code = """
import os, sys, httpx
from portkey_mistral.sandbox import get
key = {"authorization": "Bearer k"}
before = get().url
child = os.fork()
if not child:
    ok = get().url != before and httpx.get(f"{get().url}/models", headers=key).status_code == 200
    sys.exit(0 if ok else 1)
print(os.waitpid(child, 0)[1], get().url == before, httpx.get(f"{before}/models", headers=key).status_code)
"""
    # Python warns of a fork beside threads, of which the server's is one.
    assert run(code, "-Wdefault::DeprecationWarning") == "0 True 200"


def run(code: str, *options: str) -> str:
    """Run a program to its end; a warning fails it."""
    command = [sys.executable, "-Werror", *options, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# --- what was received ---------------------------------------------------------------------------------------


def test_a_snapshot_has_no_keys_and_is_the_same_in_every_run() -> None:
    def conversation() -> list[object]:
        reset()
        body = chat_body("What is the weather in Lyon?")
        parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
        body["tools"] = [
            {"type": "function", "function": {"name": "weather", "parameters": parameters}}
        ]
        message = send_body(body)["choices"][0]["message"]
        (called,) = message["tool_calls"]
        result = {
            "role": "tool",
            "tool_call_id": called["id"],
            "name": "weather",
            "content": "Rain.",
        }
        send_body({**body, "messages": [*body["messages"], message, result]})
        return get().snapshot()

    first = conversation()
    send(get().url, "Another test, which runs in between.")
    assert conversation() == first
    assert "Bearer" not in repr(first)
    assert [each["path"] for each in first] == ["/v1/chat/completions"] * 2


def send_body(body: dict[str, object]) -> dict[str, object]:
    answer = httpx.post(f"{get().url}/chat/completions", json=body, headers=KEY, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()

"""The page on deployments: its web application serves, and closes the request of a reader who leaves."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from portkey_mistral.sandbox import Fault, Sandbox
from waiting import until

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "deployment.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def app(mistral_sandbox_redirect: Sandbox) -> Any:
    (snippet,) = [each for each in SNIPPETS if "FastAPI()" in each]
    names: dict[str, Any] = {}
    exec(snippet, names)
    return names["app"]


def test_an_answer_is_streamed(app: Any, mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.reply("one two three")
    with TestClient(app).stream("GET", "/answer", params={"question": "Count."}) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain")
        texts = list(response.iter_text())
    assert "".join(texts) == "one two three"
    assert mistral_sandbox.requests[0].body["stream"] is True


def test_a_question_is_required(app: Any, mistral_sandbox: Sandbox) -> None:
    assert TestClient(app).get("/answer").status_code == 422
    assert mistral_sandbox.requests == []


async def test_the_request_of_a_reader_who_leaves_is_closed(
    app: Any, mistral_sandbox: Sandbox
) -> None:
    mistral_sandbox.inject(Fault(stall_after=2))
    left = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not left.is_set():
            await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message.get("body"):
            left.set()

    scope = {
        "type": "http", "method": "GET", "path": "/answer", "query_string": b"question=Hello",
        "headers": [], "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip
    await app(scope, receive, send)
    await asyncio.to_thread(until, lambda: not mistral_sandbox.in_flight)
    assert mistral_sandbox.requests[0].state == "abandoned"


def test_the_graph_remembers_the_thread(
    mistral_sandbox_redirect: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    (snippet,) = [each for each in SNIPPETS if "StateGraph" in each]
    exec(snippet, {})
    assert capsys.readouterr().out == "4\n"
    first, second = mistral_sandbox_redirect.requests
    assert len(first.body["messages"]) == 1
    assert [each["content"] for each in second.body["messages"][::2]] == ["Hello!", "And now?"]

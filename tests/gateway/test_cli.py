"""The commands that call models, through the open-source gateway and the stand-in of hosted Portkey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_line import Done, command
from portkey_mistral.demo.pdf import make_pdf

pytestmark = pytest.mark.gateway

ACCOUNT = {
    "keys": {"pk-very-secret": {}},
    "providers": {"mistral-prod": {"provider": "mistral-ai", "api_key": "m-very-secret"}},
}


@pytest.fixture
def portkey_account() -> dict[str, Any]:
    return ACCOUNT


@pytest.fixture(params=["self-hosted", "hosted"])
def options(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> list[str]:
    """The options that lead to a gateway."""
    monkeypatch.chdir(tmp_path)
    if request.param == "hosted":
        monkeypatch.setenv("PORTKEY_API_KEY", "pk-very-secret")
        url = request.getfixturevalue("portkey_sandbox_url")
        return ["--gateway-url", url, "--provider", "@mistral-prod"]
    target: Callable[..., dict[str, Any]] = request.getfixturevalue("target")
    url = request.getfixturevalue("portkey_gateway_url")
    Path("route.json").write_text(json.dumps(target()))
    return ["--gateway-url", url, "--config", "route.json"]


def checked(done: Done) -> Done:
    assert done.status == 0, done.err
    assert "very-secret" not in done.out + done.err
    return done


def test_chat(options: list[str]) -> None:
    done = checked(command("chat", "Say exactly: yes", *options))
    assert done.out == "yes\n"
    assert "· gateway (" in done.err


def test_embed(options: list[str]) -> None:
    done = checked(command("embed", "-", "-o", "v.jsonl", *options, stdin="a\nb\n"))
    assert "2 texts" in done.err
    rows = [json.loads(line) for line in Path("v.jsonl").read_text().splitlines()]
    assert [len(row["vector"]) for row in rows] == [1024, 1024]


def test_ocr(options: list[str]) -> None:
    Path("invoice.pdf").write_bytes(make_pdf([["Invoice 17"]]))
    assert checked(command("ocr", "invoice.pdf", *options)).out == "Invoice 17\n\n"

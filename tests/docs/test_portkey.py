"""The page on Portkey: its snippets run, on the stand-in of the hosted service and on the real open-source gateway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portkey_mistral import sandbox
from portkey_mistral.sandbox.portkey import gateway

pytestmark = pytest.mark.gateway

PAGE = Path(__file__).parents[2] / "docs" / "portkey.md"
OWN_GATEWAY = "http://localhost:8787/v1"


def contains(word: str, *, deny: bool) -> dict[str, Any]:
    checks = {"default.contains": {"words": [word], "operator": "none"}}
    return {"checks": checks, "deny": deny, "async": False}


@pytest.fixture
def portkey_account() -> dict[str, Any]:
    return {
        "organisation": {"input_guardrails": ["pg-no-secrets", "pg-forbidden"]},
        "keys": {"your-portkey-key": {}},
        "providers": {
            "mistral-prod": {"provider": "mistral-ai", "api_key": "sk-m"},
            "mistral-spare": {"provider": "mistral-ai", "api_key": "sk-s"},
        },
        "configs": {
            "pc-main": {
                "strategy": {"mode": "fallback"},
                "targets": [{"provider": "@mistral-prod"}],
            }
        },
        "guardrails": {
            "pg-no-secrets": contains("secret", deny=False),
            "pg-forbidden": contains("forbidden", deny=True),
        },
    }


@pytest.fixture
def own_gateway() -> Iterator[str]:
    with gateway.running() as url:
        yield url


def test_snippets_run(
    portkey_sandbox: Any,
    own_gateway: str,
    mistral_sandbox_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PORTKEY_API_KEY", "your-portkey-key")
    monkeypatch.setenv("PORTKEY_GATEWAY_URL", portkey_sandbox.url)
    text = PAGE.read_text()
    namespace: dict[str, object] = {"__name__": "portkey"}
    for found in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        line = "\n" * text.count("\n", 0, found.start(1))
        snippet = found[1].replace(OWN_GATEWAY, own_gateway)
        # The key of the page would be sent to Mistral itself.
        snippet = snippet.replace(
            '"api_key": "your-mistral-key"}',
            f'"api_key": "k", "custom_host": "{mistral_sandbox_url}"}}',
        )
        exec(compile(line + snippet, str(PAGE), "exec"), namespace)
    printed = capsys.readouterr().out
    assert "config.targets[0]" in printed
    assert "pg-no-secrets input False" in printed
    assert "['pg-no-secrets', 'pg-forbidden']" in printed
    assert "request-1" in printed
    tenants = [r.headers.get("x-tenant") for r in portkey_sandbox.provider("mistral-prod").requests]
    assert tenants[-1] == "acme"
    assert set(tenants[:-1]) == {None}
    assert portkey_sandbox.requests[-1].path == "/v1/feedback"
    assert len(sandbox.get().requests) == 1


@pytest.mark.parametrize("page", ["portkey.md", "portkey-sandbox.md", "routing.md"])
def test_every_link_leads_to_a_heading(page: str) -> None:
    folder = PAGE.parent
    links = re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", (folder / page).read_text())
    for file, anchor in links:
        target = folder / (file or page)
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), anchor


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}

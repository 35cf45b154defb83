"""The notebooks run unchanged through the stand-in for hosted Portkey."""

from __future__ import annotations

from typing import Any

import pytest

from notebooks import MODE_MARKS, NOTEBOOKS, run_in_mode
from portkey_mistral.sandbox import portkey

pytestmark = MODE_MARKS


def forbidden(*words: str, deny: bool) -> dict[str, Any]:
    checks = {"default.contains": {"words": list(words), "operator": "none"}}
    return {"checks": checks, "deny": deny, "async": False}


# What the notebook on Portkey asks an account to have.
ACCOUNT = {
    "keys": {"your-portkey-key": {}},
    "providers": {
        "mistral-prod": {"provider": "mistral-ai"},
        "mistral-spare": {"provider": "mistral-ai"},
    },
    "configs": {
        "pc-main": {
            "strategy": {"mode": "fallback"},
            "targets": [{"provider": "@mistral-prod"}, {"provider": "@mistral-spare"}],
        }
    },
    "guardrails": {
        "pg-no-names": forbidden("Ada", "Grace", deny=False),
        "pg-no-secrets": forbidden("password", "secret", deny=True),
    },
}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_unchanged(name):
    with portkey.running(portkey.parse(ACCOUNT)) as running:
        settings = {
            "PORTKEY_API_KEY": "your-portkey-key",
            "PORTKEY_GATEWAY_URL": running.url,
            "PORTKEY_PROVIDER": "@mistral-prod",
        }
        run_in_mode(name, settings, "gateway")

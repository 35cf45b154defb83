"""The notebooks run unchanged through the real open-source gateway, in front of the sandbox over HTTP."""

from __future__ import annotations

import pytest

from notebooks import MODE_MARKS, NOTEBOOKS, run_in_mode
from portkey_mistral.sandbox.portkey import gateway

pytestmark = MODE_MARKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_unchanged(name, mistral_sandbox_url):
    with gateway.running() as url:
        settings = {
            "MISTRAL_API_KEY": "your-mistral-key",
            "MISTRAL_BASE_URL": mistral_sandbox_url,
            "PORTKEY_GATEWAY_URL": url,
        }
        run_in_mode(name, settings, "gateway")

"""What holds for every test: nothing of the machine's environment reaches it."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

FOREIGN = ("MISTRAL_", "PORTKEY_", "LANGCHAIN_", "LANGSMITH_", "OPENAI_")
PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY")

settings.register_profile(
    # Two busy cores make times jump, so neither a deadline nor a slow example is a finding.
    "default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip
settings.register_profile("full", settings.get_profile("default"), max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the keys, addresses and tracing switches of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name.upper() in PROXIES:
            monkeypatch.delenv(name)

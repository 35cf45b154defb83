"""The notebooks run unchanged straight at Mistral, here the sandbox over HTTP."""

from __future__ import annotations

import pytest

from notebooks import MODE_MARKS, NOTEBOOKS, run_in_mode

pytestmark = MODE_MARKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_unchanged(name, mistral_sandbox_url):
    settings = {"MISTRAL_API_KEY": "your-mistral-key", "MISTRAL_BASE_URL": mistral_sandbox_url}
    run_in_mode(name, settings, "direct")

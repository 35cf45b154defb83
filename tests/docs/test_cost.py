"""The page on cost: its snippets run, and print what they promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portkey_mistral import models

PAGE = (Path(__file__).parents[2] / "docs" / "cost.md").read_text()


def test_snippets_run(mistral_sandbox: object, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    try:
        for snippet in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
            exec(snippet, names)
    finally:
        models.set_price("gpt-5-mini", None)
    printed = capsys.readouterr().out
    assert "0.0000333 USD mistral-small-2603 0.15 2026-08-21" in printed
    assert "The budget of $0.001 per day of 'metadata.user_id=ada' has no room" in printed
    assert "mistral-small-2603 metadata.user_id=ada 12 0.0003996" in printed

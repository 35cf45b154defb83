"""The page on moderation: its snippets run on the sandbox, in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portkey_mistral.sandbox import get

PAGE = (Path(__file__).parents[2] / "docs" / "moderation.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_snippets_run(capsys: pytest.CaptureFixture[str]) -> None:
    get().reset()
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(snippet, names)
    hello, refused, blocked, answer, blocked_query, pii, mood = capsys.readouterr().out.splitlines()
    assert (hello, blocked, blocked_query, pii) == ("hello", "No.", "No.", "False")
    assert "pii (0.75)" in refused
    assert "Codestral" in answer
    assert answer.endswith(" 1")
    assert "'angry': 0.909091" in mood

"""The page on batch jobs: its snippets run on the sandbox, in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portkey_mistral.sandbox import get

PAGE = (Path(__file__).parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_snippets_run(capsys: pytest.CaptureFixture[str]) -> None:
    get().reset()
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(snippet, names)
    shown = capsys.readouterr().out
    assert [shown.count(f"name={city!r}") for city in ("Lyon", "Paris")] == [2, 2]
    assert "one\ntwo\n" in shown
    assert "[1024, 1024]" in shown

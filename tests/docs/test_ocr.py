"""The page on OCR: its snippets run on the sandbox, in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portkey_mistral.sandbox import get

PAGE = (Path(__file__).parents[2] / "docs" / "ocr.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_snippets_run(capsys: pytest.CaptureFixture[str]) -> None:
    get().reset()
    names: dict[str, object] = {}
    for snippet in SNIPPETS:
        exec(snippet, names)
    shown = capsys.readouterr().out
    assert "1 Invoice 17" in shown
    assert "Total: 2" in shown
    assert "number=17" in shown
    assert "2 pages; [\"The document 'empty.pdf' is empty.\"]" in shown
    assert "2 pages cost 0.008" in shown

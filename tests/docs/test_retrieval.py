"""The page on retrieval: its snippets print what it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "retrieval.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.mark.full
@pytest.mark.parametrize("first", [0, 2], ids=["LangChain", "LlamaIndex"])
def test_every_snippet_prints_what_the_page_shows(first: int) -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 4
    snippets, shown = zip(*EXAMPLES[first : first + 2], strict=True)
    done = subprocess.run(
        [sys.executable, "-c", "".join(snippets)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(shown)

"""Every Python snippet of the README runs as it stands, on the sandbox, in order within its section."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

# LlamaIndex's own helpers leave event loops and their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)


def snippets():
    """Return the snippets by section, each moved to its line so that a traceback points into the README."""
    text = README.read_text()
    sections = {}
    for found in FENCE.finditer(text):
        title = HEADING.findall(text, 0, found.start())[-1]
        line = text.count("\n", 0, found.start(1))
        sections.setdefault(title, []).append("\n" * line + found[1])
    return sections


SECTIONS = snippets()


@pytest.mark.parametrize("title", SECTIONS)
def test_snippets_run(title, mistral_sandbox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "readme"}
    for snippet in SECTIONS[title]:
        exec(compile(snippet, str(README), "exec"), namespace)


def test_both_frameworks_have_snippets():
    assert {"LangChain", "LlamaIndex"} <= SECTIONS.keys()


def test_the_readme_opens_with_the_two_commands():
    before_sections = README.read_text().partition("\n## ")[0]
    assert MAKE.findall(before_sections) == ["demo", "test"]


@pytest.mark.parametrize("target", sorted(set(MAKE.findall(README.read_text()))))
def test_make_knows_what_the_readme_tells(target):
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)

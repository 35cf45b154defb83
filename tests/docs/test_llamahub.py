"""The page for LlamaHub: in the form of its packages, and its snippets run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import llamaindex_portkey_mistral

# LlamaIndex's own helpers leave event loops and their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "llamaindex" / "llamahub.md").read_text(encoding="utf-8")
LLAMAHUB = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["llamahub"]


def test_its_snippets_run(
    mistral_sandbox_redirect: object, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(snippet, names)
    output = capsys.readouterr().out
    assert "city='Paris' celsius=18" in output
    assert "36" in output
    assert "Codestral" in output


def test_it_has_the_headings_of_llamahubs_packages() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    assert headings[0].startswith("LlamaIndex Llms and Embeddings Integration: ")
    assert headings[1:3] == ["Installation", "Basic Usage"]
    assert headings[-1] == "LLM Implementation Example"


def test_it_names_the_classes_and_files_that_there_are() -> None:
    assert LLAMAHUB["import_path"] == "llamaindex_portkey_mistral"
    for name in LLAMAHUB["class_authors"]:
        assert hasattr(llamaindex_portkey_mistral, name)
        assert name in PAGE
    files = re.findall(r"`((?:docs|notebooks)/[\w./]+)`", PAGE)
    assert files
    assert [file for file in files if not (ROOT / file).exists()] == []

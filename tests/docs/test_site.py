"""The documentation: its snippets run on the sandbox, and every page and class has its place."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

import langchain_portkey_mistral
import llamaindex_portkey_mistral

# LlamaIndex's own helpers leave event loops and their sockets to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Snippets in tabs are indented. Those that another test runs in processes of their own are marked ```py.
SNIPPET = re.compile(r"^( *)```python\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
PAGES = [
    DOCS / "index.md",
    DOCS / "residency.md",
    *(
        page
        for folder in ("tutorial", "guides", "coming-from")
        for page in sorted((DOCS / folder).glob("*.md"))
    ),
]
ELSEWHERE = {"llamaindex/llamahub.md"}
"""Pages of other sites: `exclude_docs` in mkdocs.yml has them too."""
GATEWAY_PAGES = {"self-hosted-gateway", "chat-openai", "portkey-ai", "residency"}
"""They make objects for a gateway or a region, which the embedded sandbox cannot stand in for, and call nothing."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_snippets_run(page, mistral_sandbox, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    if page.stem not in GATEWAY_PAGES:
        monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    text = page.read_text(encoding="utf-8")
    namespace = {"__name__": page.stem}
    for found in SNIPPET.finditer(text):
        if "def test_" in found[2]:
            continue  # of the sample project: test_examples.py runs them
        above = "\n" * text.count("\n", 0, found.start(2))
        exec(compile(above + textwrap.dedent(found[2]), str(page), "exec"), namespace)


def test_every_page_is_in_the_navigation_and_no_other():
    _, _, navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")
    listed = re.findall(r"[\w/-]+\.md$", navigation, re.MULTILINE)
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert sorted(listed) == sorted(pages - ELSEWHERE)


@pytest.mark.parametrize("package", [langchain_portkey_mistral, llamaindex_portkey_mistral])
def test_every_class_of_a_framework_is_in_the_reference(package):
    page = DOCS / "api" / f"{package.__name__.partition('_')[0]}.md"
    shown = re.findall(r"^::: [\w.]+\.(\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(set(package.__all__) - {"__version__", *shown}) == []

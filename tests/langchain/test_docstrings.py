"""Every Python snippet of the docstrings, and of the pages for LangChain's documentation, runs.

They are written for the real API; `MISTRAL_BASE_URL` sends them to the sandbox.
"""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import langchain_portkey_mistral
from langchain_portkey_mistral import factory

PAGES = Path(__file__).parents[2] / "docs" / "langchain"
FENCE = re.compile(r"^ *```python\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# The sections of LangChain's template for the docstring of a class.
SECTIONS: dict[str, list[str]] = {
    "ChatPortkeyMistral": [
        "Setup",
        "Key init args (completion params)",
        "Key init args (client params)",
        "Instantiate",
        "Invoke",
        "Stream",
        "Async",
        "Tool calling",
        "Structured output",
        "JSON mode",
        "Image input",
        "Token usage",
        "Response metadata",
    ],
    "PortkeyMistralEmbeddings": [
        "Setup",
        "Key init args (completion params)",
        "Key init args (client params)",
        "Instantiate",
        "Embed single text",
        "Embed multiple texts",
        "Async",
    ],
    "PortkeyMistralFIM": [
        "Setup",
        "Key init args (completion params)",
        "Key init args (client params)",
        "Instantiate",
        "Invoke",
        "Stream",
        "Async",
    ],
}


def run(text: str, name: str) -> None:
    """Run the snippets of one text in order, in one namespace."""
    snippets = FENCE.findall(text)
    assert snippets
    namespace = {"__name__": name}
    for snippet in snippets:
        exec(compile(inspect.cleandoc("\n" + snippet), name, "exec"), namespace)


@pytest.fixture(autouse=True)
def _to_the_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", SECTIONS)
def test_class_docstrings_have_the_sections_of_langchains_template(name: str) -> None:
    text = inspect.getdoc(getattr(langchain_portkey_mistral, name)) or ""
    assert re.findall(r"^(\w.*):$", text, re.MULTILINE) == [*SECTIONS[name], "Raises"]


@pytest.mark.parametrize("name", SECTIONS)
def test_the_snippets_of_class_docstrings_run(name: str) -> None:
    run(inspect.getdoc(getattr(langchain_portkey_mistral, name)) or "", name)


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.mdx")), ids=lambda page: page.stem)
def test_the_snippets_of_pages_run(page: Path) -> None:
    run(page.read_text(encoding="utf-8"), page.name)


@pytest.mark.parametrize("module", [factory], ids=lambda module: module.__name__)
def test_the_doctests_run(module: ModuleType) -> None:
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed

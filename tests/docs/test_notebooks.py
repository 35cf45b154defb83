"""The notebooks are saved as they run on the sandbox. `make notebooks` saves them."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from notebooks import NOTEBOOKS, run_notebooks

# Event loops that LlamaIndex's helpers left behind in earlier tests of the process are collected while a notebook runs.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ROOT = Path(__file__).parents[2]
# The page of the documentation that each belongs to.
PAGES = {
    "quickstart_langchain": "tutorial/first-answer.md",
    "quickstart_llamaindex": "tutorial/first-answer.md",
    "rag": "tutorial/rag.md",
    "agents": "tutorial/agent.md",
    "structured_output": "guides/structured-output.md",
    "routing": "guides/fallback.md",
    "code_assistant": "guides/code-completion.md",
    "embeddings": "guides/embeddings.md",
    "portkey": "portkey.md",
    "residency": "residency.md",
}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
MACHINE = re.compile(r"(?:/(?:home|root|tmp|usr|opt|work|Users|private)/|[A-Z]:\\)[^\s'\"]*")


def read(name):
    return nbformat.read(NOTEBOOKS[name], as_version=4)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


each_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


@pytest.mark.full
@each_notebook
def test_a_run_shows_what_is_saved(name):
    fresh = run_notebooks.execute(NOTEBOOKS[name])
    assert run_notebooks.outputs(fresh) == run_notebooks.outputs(read(name))


def test_every_notebook_has_a_page():
    assert sorted(NOTEBOOKS) == sorted(PAGES)


@each_notebook
def test_it_is_saved_as_it_ran_from_top_to_bottom(name):
    cells = code(read(name))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_notebook
def test_it_shows_a_picture_and_neither_warning_nor_path(name):
    shown = [output for cell in code(read(name)) for output in cell.outputs]
    assert {output.get("name", "stdout") for output in shown} == {"stdout"}
    assert {output.output_type for output in shown} <= {"stream", "execute_result", "display_data"}
    kinds = {kind for output in shown for kind in output.get("data", {})}
    assert kinds & {"image/png", "image/svg+xml"}
    texts = "\n".join(line for cell in run_notebooks.outputs(read(name)) for line in cell)
    assert MACHINE.findall(texts) == []
    assert "Warning" not in texts


@each_notebook
def test_it_begins_with_its_purpose_the_installation_and_the_connection(name):
    purpose, install, about_modes, connection = read(name).cells[:4]
    assert re.match(r"# .+\n\nAfter this notebook you can ", purpose.source)
    assert f"](../docs/{PAGES[name]})" in purpose.source
    assert "%pip install" in install.source
    first = read("quickstart_langchain").cells
    assert (about_modes.source, connection.source) == (first[2].source, first[3].source)


@each_notebook
def test_its_links_lead_somewhere_and_its_page_leads_back(name):
    texts = [cell.source for cell in read(name).cells if cell.cell_type == "markdown"]
    for link in LINK.findall("\n".join(texts)):
        assert (NOTEBOOKS[name].parent / link).exists(), link
    page = ROOT / "docs" / PAGES[name]
    back = [(page.parent / link).resolve() for link in LINK.findall(page.read_text("utf-8"))]
    assert NOTEBOOKS[name].resolve() in back


def test_the_list_of_notebooks_names_each_once():
    listed = re.findall(r"notebooks/(\w+)\.ipynb", (ROOT / "docs" / "notebooks.md").read_text())
    assert sorted(listed) == sorted(NOTEBOOKS)

"""The tables of names in the pages for migrants state what the classes do with each name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import langchain_portkey_mistral
import llamaindex_portkey_mistral
from portkey_mistral import ConnectionSettings
from portkey_mistral.settings.arguments import argument_names
from portkey_mistral.settings.peer_arguments import explain_peer_argument

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from"
TABLE = re.compile(r"^\| `\w+` \| `(\w+)` \|\n\|---\|---\|\n((?:\|.*\n)+)", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)
TABLES = [
    (page.stem, ours, rows)
    for page in sorted(FOLDER.glob("*.md"))
    for ours, rows in TABLE.findall(page.read_text(encoding="utf-8"))
]


def class_of(name):
    if name == "Client":
        return ConnectionSettings
    return getattr(langchain_portkey_mistral, name, None) or getattr(
        llamaindex_portkey_mistral, name
    )


def here(name, cls):
    """Describe what a class does with an argument, in the words of its error."""
    known = argument_names(cls)
    if (field := known.get(name)) is not None:
        return "the same" if field == name else f"the same; its name here is `{field}`"
    sentence = explain_peer_argument(name, known) or "unknown"
    cell = sentence.removeprefix("here it is ").removeprefix("it is ").removesuffix(".")
    return re.sub(r"(\w+)=", r"`\1`", cell)


@pytest.mark.parametrize(("page", "ours", "rows"), TABLES, ids=[f"{t[0]}-{t[1]}" for t in TABLES])
def test_every_row_is_what_the_class_does(page, ours, rows):
    cls = class_of(ours)
    stated = dict(ROW.findall(rows))
    assert len(stated) == rows.count("\n")
    assert stated == {name: here(name, cls) for name in stated}


def test_every_page_has_a_table():
    pages = {page.stem for page in FOLDER.glob("*.md")}
    assert pages - {"litellm"} == {page for page, _, _ in TABLES}

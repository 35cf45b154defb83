"""Names of tools are spelled for the wire, and the way back is known."""

from __future__ import annotations

import pytest

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool
from portkey_mistral.tool_names import spell, wire_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("add", "add"), ("Answer[int]", "Answer_int_"), ("é à", "___"), ("x" * 70, "x" * 64)],
)
def test_names_are_spelled_as_mistral_takes_them(name, expected):
    assert wire_name(name) == expected


def test_spelling_gives_the_way_back():
    tools, names = spell([Tool("my docs"), Tool("add"), {"type": "web_search"}])
    assert [tool.name for tool in tools[:2]] == ["my_docs", "add"]
    assert names == {"my_docs": "my docs", "add": "add"}


def test_two_tools_of_one_spelling_are_told_apart_or_refused():
    with pytest.raises(InvalidRequestError, match=r"'my docs' and 'my\.docs', are both 'my_docs'"):
        spell([Tool("my docs"), Tool("my.docs")])

"""Names of tools are converted for the wire, and can be mapped back."""

from __future__ import annotations

import re

import pytest

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool, spell, wire_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [("add", "add"), ("Answer[int]", "Answer_int_"), ("x" * 64, "x" * 64)],
)
def test_wire_names(name, expected):
    assert wire_name(name) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x" * 64 + "_read", "x" * 64 + "_write"),
        ("x" * 64, "x" * 65),
        ("查询天气", "查询股票"),
        ("prüfe", "pröfe"),
        ("\ud800a" * 30, "\ud800b" * 30),
    ],
    ids=["alike in 64", "one longer", "no letter is accepted", "one letter is not", "surrogates"],
)
def test_names_that_would_be_cut_to_the_same_stay_apart(one, other):
    names = {wire_name(one), wire_name(other)}
    assert len(names) == 2
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in names)
    assert {wire_name(one), wire_name(other)} == names


def test_spell_returns_the_original_names():
    tools, names = spell([Tool("my docs"), Tool("add"), {"type": "web_search"}])
    assert [tool.name for tool in tools[:2]] == ["my_docs", "add"]
    assert names == {"my_docs": "my docs", "add": "add"}


def test_two_tools_with_the_same_wire_name_are_refused():
    with pytest.raises(
        InvalidRequestError, match=r"'my docs' and 'my\.docs', are both sent as 'my_docs'"
    ):
        spell([Tool("my docs"), Tool("my.docs")])

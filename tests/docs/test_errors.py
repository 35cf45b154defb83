"""The page of errors has every public error and warning, each with cause and cure."""

from __future__ import annotations

import re

import pytest

import langchain_portkey_mistral
import llamaindex_portkey_mistral
import portkey_mistral
from portkey_mistral import exceptions
from portkey_mistral.cli.explain import entries

SECTIONS = entries()
BASES = ("PortkeyMistralError", "APIError", "APIStatusError")


def test_it_has_every_error_and_warning_and_no_other() -> None:
    packages = (portkey_mistral, langchain_portkey_mistral, llamaindex_portkey_mistral, exceptions)
    public = {name for package in packages for name in package.__all__}
    assert set(SECTIONS) == {name for name in public if name.endswith(("Error", "Warning"))}


@pytest.mark.parametrize("name", [name for name in SECTIONS if name not in BASES])
def test_each_has_a_cause_and_a_cure(name: str) -> None:
    assert re.search(r"Cause\b", SECTIONS[name])
    assert "**Cure**" in SECTIONS[name]


@pytest.mark.parametrize("name", [name for name in SECTIONS if name in exceptions.__all__])
def test_the_status_is_that_of_the_class(name: str) -> None:
    docstring = getattr(exceptions, name).__doc__ or ""
    stated = re.match(r"(\d\d\d|5xx): ", docstring)
    shown = re.search(r"\*\*Status (\d\d\d|5xx)", SECTIONS[name])
    if stated:
        assert shown is not None
        assert shown[1] == stated[1]

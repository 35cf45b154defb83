"""Texts made from regular expressions."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linear import assert_linear
from portkey_mistral.sandbox.json_schema.patterns import matches, pattern_error, texts_matching


@pytest.mark.parametrize(
    "pattern",
    [
        "abc", "^abc$", "a|b", "(a|b)c", "(?:ab){2}", "a*b+c?", "a{2,3}?", "[A-Z]{3}-[0-9]{4}", "[^a-z]", "[]a]", "[-a]",
        r"\d{4}-\d{2}-\d{2}", r"^\+?[1-9]\d{1,14}$", r"^[\w.+-]+@[\w-]+\.[\w.]+$", r"^#(?:[0-9a-fA-F]{3}){1,2}$",
        r"\.\*\(\)\[\]", r"\x41\u0042", r"^\s\S\W\D$", r"(?P<year>\d{4})", r"(?<year>[12]\d{3})", r"^(GET|POST) /\S*$",
        r"^[A-Z][a-z]+(?: [A-Z][a-z]+)*$", "^.{5,10}$", r"[\d\-x]", r"^(?!x)[a-z]", "[^a0A-]", "{}", "a{x}", r"[\w-]+",
    ],
)  # fmt: skip
def test_the_first_text_matches(pattern):
    assert matches(pattern, next(texts_matching(pattern)))


@pytest.mark.parametrize("pattern", ["^(?=(a+)+$)a", "(a|a)+$"])
def test_the_time_is_linear_in_the_text(pattern):
    assert_linear(lambda size: matches(pattern, "a" * size + "!"), 20_000)


@pytest.mark.parametrize("pattern", [r"(a+)+\1", "(?<=a)b", "("])
def test_what_takes_longer_than_that_is_an_error(pattern):
    assert pattern_error(pattern)
    assert not matches(pattern, "ab")


def test_pydantics_pattern_of_a_decimal_is_filled():
    pattern = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"
    assert any(matches(pattern, text) for text in texts_matching(pattern))
    assert not matches(pattern, "+.")


def test_later_texts_are_longer():
    assert [len(each) for each in islice(texts_matching("^[a-z]+$"), 4)] == [1, 2, 3, 5]
    assert [*texts_matching("^abc$")] == ["abc"]


@pytest.mark.parametrize(
    "pattern", ["(", "[", r"(a)\1", "(?i)a", "a{2000}", "(" * 2000, "*", "a\\"]
)
def test_what_is_not_understood_gives_nothing_that_is_wrong(pattern):
    assert all(matches(pattern, text) for text in texts_matching(pattern))


@given(st.text(alphabet="ab[](){}|*+?.^$\\d-,0:=!<>P", max_size=12))
def test_nothing_but_texts_comes_of_any_pattern(pattern):
    assert all(isinstance(text, str) for text in texts_matching(pattern))

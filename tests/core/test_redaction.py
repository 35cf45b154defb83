"""Which values count as keys, and how each kind of value is hidden."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from portkey_mistral._redaction import (
    drop_secrets,
    is_secret_name,
    possible_keys,
    safe_headers,
    scrub,
    unwrap_secrets,
    url_passwords,
    without_password,
    wrap_secrets,
)


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apiKey",
        "x-api-key",
        "Authorization",
        "aws_secret_access_key",
        "jwt",
        "db_passwd",
    ],
)
def test_names_of_credentials_are_secret(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["weight", "keyword", "max_tokens", "monkeys", "provider"])
def test_other_names_are_not_secret(name):
    assert not is_secret_name(name)


def test_secrets_of_a_tree_are_wrapped_unwrapped_and_dropped():
    tree = {"checks": [{"credentials": {"id": "a", "parts": ["b"]}, "name": "c"}], "n": 1}
    wrapped = wrap_secrets(tree)
    assert wrapped["checks"][0]["credentials"] == {"id": SecretStr("a"), "parts": [SecretStr("b")]}
    assert wrapped["checks"][0]["name"] == "c"
    assert unwrap_secrets(wrapped) == tree
    assert drop_secrets(wrapped) == {
        "checks": [{"credentials": {"parts": []}, "name": "c"}],
        "n": 1,
    }


def test_scrub_replaces_the_longer_key_first_and_leaves_words_alone():
    assert scrub("abcdef abcd an", ["abcd", "abcdef", "an", ""]) == "*** *** an"


def test_safe_headers_drops_cookies_and_keys():
    kept = {"x-ratelimit-remaining-tokens-minute": "5", "x-portkey-trace-id": "t"}
    assert safe_headers({**kept, "Cookie": "c", "x-portkey-virtual-key": "v"}) == kept


def test_safe_headers_replaces_keys_in_values():
    assert safe_headers({"X-Echo": "you sent key-1"}, ["key-1"]) == {"x-echo": "you sent ***"}


def test_a_short_value_of_a_header_is_not_taken_for_a_key():
    assert list(possible_keys({"x-debug": "true", "x-app": "0123456789abc"})) == ["0123456789abc"]
    assert list(possible_keys(None)) == []


def test_passwords_of_a_url_are_found_and_left_out():
    url = "redis://worker:s%2Fcret@cache.example:6379/0?ssl_password=inner&db=1"
    assert url_passwords(url) == {"s%2Fcret", "s/cret", "inner"}
    assert without_password(url) == "redis://worker@cache.example:6379/0?db=1"

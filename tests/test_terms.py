"""Terms are kept on an object, and are never older than its fields."""

from __future__ import annotations

import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from portkey_mistral import CallOptions, ChatRequest, Client, Config, ConnectionSettings, Message
from portkey_mistral._terms import Terms, terms_of
from portkey_mistral.settings import memo_of

GATEWAY = {"gateway_url": "http://gateway.test", "portkey_api_key": "pk"}
TREE = {"strategy": {"mode": "fallback"}, "targets": [{"api_key": "t-1"}, {"api_key": "t-2"}]}


def settings(**fields: Any) -> ConnectionSettings:
    return ConnectionSettings(**{"api_key": "k", **fields})


def assign(name: str, value: object) -> Callable[[ConnectionSettings], None]:
    return lambda made: setattr(made, name, value)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (assign("api_key", SecretStr("other")), lambda terms: terms.default_key == "other"),
        (assign("api_key", SecretStr("other")), lambda terms: "other" in terms.secrets),
        (assign("base_url", "http://b.test/v1"), lambda terms: "b.test" in terms.default_host),
        (assign("timeout", 7.0), lambda terms: terms.limits.timeout == httpx.Timeout(7.0)),
        (assign("max_retries", 9), lambda terms: terms.retries == 9),
        (assign("max_concurrency", 3), lambda terms: terms.limits.bound.most == 3),
        (
            assign("idle_timeout", 2.0),
            lambda terms: (terms.stream_limits.idle, terms.limits.idle) == (2.0, None),
        ),
        (
            assign("first_token_timeout", 3.0),
            lambda terms: (terms.stream_limits.first_token, terms.limits.first_token) == (3, None),
        ),
        (assign("proxy", "http://p.test"), lambda terms: terms.wiring.proxy == "http://p.test"),
        (
            assign("ssl_context", ssl.create_default_context()),
            lambda terms: terms.wiring.ssl_context is not None,
        ),
        (assign("default_headers", {"X-A": "b"}), lambda terms: terms.headers["x-a"] == "b"),
        (
            lambda made: made.default_headers.update({"X-Old": "new"}),
            lambda terms: terms.headers["x-old"] == "new",
        ),
        (
            assign("portkey_config", Config.parse(TREE)),
            lambda terms: terms.root.path == "config" and {"t-1", "t-2"} <= terms.secrets,
        ),
        (assign("gateway_url", "http://g.test/v1"), lambda terms: terms.through_gateway),
    ],
)
def test_what_is_changed_takes_effect_at_the_next_call(
    change: Callable[[ConnectionSettings], None], seen: Callable[[Terms], bool]
) -> None:
    made = settings(default_headers={"X-Old": "old"})
    before = terms_of(made, None)
    assert terms_of(made, None) is before
    change(made)
    assert seen(terms_of(made, None))
    assert terms_of(made, None) is terms_of(made, CallOptions())


def test_options_of_one_call_are_kept_for_no_other() -> None:
    made = settings()
    usual = terms_of(made, None)
    own = terms_of(made, CallOptions(headers={"X-A": "b"}, timeout=3.0, portkey_config=TREE))
    assert (own.headers["x-a"], own.limits.timeout.read) == ("b", 3.0)
    assert "t-1" in own.secrets
    assert terms_of(made, None) is usual
    assert "x-a" not in usual.headers


@pytest.mark.parametrize(
    "again",
    [
        copy.copy,
        copy.deepcopy,
        lambda made: made.model_copy(update={"max_retries": 9}),
        lambda made: pickle.loads(pickle.dumps(made)),
        lambda made: ConnectionSettings(**dict(made)),
    ],
)
def test_an_object_made_from_another_has_terms_of_its_own(again: Callable[..., Any]) -> None:
    made = settings(**GATEWAY)
    before = terms_of(made, None)
    other = again(made)
    other.gateway_url = "http://other.test"
    assert terms_of(other, None).settings is other
    assert terms_of(made, None).settings is made
    assert terms_of(made, None).settings.gateway_url == before.settings.gateway_url


def test_a_call_changes_nothing_that_can_be_seen_of_an_object() -> None:
    made, fresh = settings(base_url="sandbox:"), settings(base_url="sandbox:")
    Client.from_settings(made).chat(
        ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
    )
    assert memo_of(made).kept is not None
    assert (made, repr(made), made.model_dump()) == (fresh, repr(fresh), fresh.model_dump())
    assert made.model_dump_json() == fresh.model_dump_json()
    assert memo_of(pickle.loads(pickle.dumps(made))).kept is None


def test_terms_show_no_key() -> None:
    made = settings(api_key="sk-hidden", default_headers={"x-key": "sk-hidden-too"})
    assert "sk-hidden" not in repr(terms_of(made, None))

"""The resolved options of a call: the current settings, and the options of this call alone."""

from __future__ import annotations

import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from portkey_mistral import CallOptions, ChatRequest, Client, Config, ConnectionSettings, Message
from portkey_mistral._call.options import ResolvedOptions, resolve_options
from portkey_mistral._transport.base import Timeouts

GATEWAY = {"gateway_url": "http://gateway.test", "portkey_api_key": "pk"}
TREE = {"strategy": {"mode": "fallback"}, "targets": [{"api_key": "t-1"}, {"api_key": "t-2"}]}


def settings(**fields: Any) -> ConnectionSettings:
    return ConnectionSettings(**{"api_key": "k", **fields})


def assign(name: str, value: object) -> Callable[[ConnectionSettings], None]:
    return lambda made: setattr(made, name, value)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (assign("api_key", SecretStr("other")), lambda resolved: resolved.default_key == "other"),
        (assign("api_key", SecretStr("other")), lambda resolved: "other" in resolved.secrets),
        (
            assign("base_url", "http://b.test/v1"),
            lambda resolved: "b.test" in resolved.default_host,
        ),
        (
            assign("timeout", 7.0),
            lambda resolved: resolved.limits().timeout == Timeouts(7.0, 7.0, 7.0, 7.0),
        ),
        (assign("max_retries", 9), lambda resolved: resolved.retries == 9),
        (
            assign("max_concurrency", 3),
            lambda resolved: resolved.limits().concurrency.max_concurrency == 3,
        ),
        (
            assign("idle_timeout", 2.0),
            lambda resolved: (
                (resolved.limits(stream=True).idle, resolved.limits().idle) == (2.0, None)
            ),
        ),
        (
            assign("first_token_timeout", 3.0),
            lambda resolved: (
                (resolved.limits(stream=True).first_token, resolved.limits().first_token)
                == (3, None)
            ),
        ),
        (
            assign("proxy", "http://p.test"),
            lambda resolved: resolved.transport_options.proxy == "http://p.test",
        ),
        (
            assign("ssl_context", ssl.create_default_context()),
            lambda resolved: resolved.transport_options.ssl_context is not None,
        ),
        (assign("default_headers", {"X-A": "b"}), lambda resolved: resolved.headers["x-a"] == "b"),
        (
            lambda made: made.default_headers.update({"X-Old": "new"}),
            lambda resolved: resolved.headers["x-old"] == "new",
        ),
        (
            assign("portkey_config", Config.parse(TREE)),
            lambda resolved: resolved.root.path == "config" and {"t-1", "t-2"} <= resolved.secrets,
        ),
        (assign("gateway_url", "http://g.test/v1"), lambda resolved: resolved.through_gateway),
    ],
)
def test_an_assigned_field_takes_effect_at_the_next_call(
    change: Callable[[ConnectionSettings], None], seen: Callable[[ResolvedOptions], bool]
) -> None:
    made = settings(default_headers={"X-Old": "old"})
    resolved = resolve_options(made, None)
    before = resolved, resolved.limits(), resolved.limits(stream=True)
    change(made)
    resolved = resolve_options(made, None)
    assert seen(resolved)
    assert (resolved, resolved.limits(), resolved.limits(stream=True)) != before


def test_options_apply_to_one_call_only() -> None:
    made = settings()
    own = resolve_options(made, CallOptions(headers={"X-A": "b"}, timeout=3.0, portkey_config=TREE))
    assert (own.headers["x-a"], own.limits().timeout.read) == ("b", 3.0)
    assert "t-1" in own.secrets
    assert "x-a" not in resolve_options(made, None).headers


EMPTY: dict[str, tuple[Any, Any, Any]] = {
    "trace_id": ("t-1", "", None),
    "portkey_metadata": ({"_user": "ada"}, {}, None),
    "cache_namespace": ("ada", "", None),
    "forward_headers": (["x-tenant"], [], ()),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_option_leaves_the_setting_out_of_one_call(name: str) -> None:
    setting, empty, resolved = EMPTY[name]
    made = settings(**{name: setting})
    assert getattr(resolve_options(made, CallOptions(**{name: empty})), name) == resolved
    for options in (None, CallOptions()):
        kept = getattr(resolve_options(made, options), name)
        assert kept == (tuple(setting) if isinstance(setting, list) else setting)


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
def test_a_copy_has_its_own_settings(again: Callable[..., Any]) -> None:
    made = settings(**GATEWAY)
    before = resolve_options(made, None)
    other = again(made)
    other.gateway_url = "http://other.test"
    assert resolve_options(other, None).settings is other
    assert resolve_options(made, None).settings is made
    assert resolve_options(made, None).settings.gateway_url == before.settings.gateway_url


def test_a_call_does_not_change_the_object() -> None:
    made, fresh = settings(base_url="sandbox:"), settings(base_url="sandbox:")
    Client.from_settings(made).chat(
        ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
    )
    assert (made, repr(made), made.model_dump()) == (fresh, repr(fresh), fresh.model_dump())
    assert made.model_dump_json() == fresh.model_dump_json()


def test_the_repr_shows_no_key() -> None:
    made = settings(api_key="sk-hidden", default_headers={"x-key": "sk-hidden-too"})
    assert "sk-hidden" not in repr(resolve_options(made, None))

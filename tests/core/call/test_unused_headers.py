"""Headers that are sent to no target in direct mode are logged."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest

from kinds import ask
from portkey_mistral import CallOptions, Client
from portkey_mistral.sandbox import get, reset


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.WARNING, logger="portkey_mistral")
    return lambda: [each.getMessage() for each in caplog.records if "headers" in each.getMessage()]


def name() -> str:
    """A header unique to the test, because each set of names is logged once."""
    return f"x-{uuid4().hex}"


STICKY = {"mode": "loadbalance", "sticky": {"enabled": True, "hash_fields": ["headers.X-Session"]}}


def config(*headers: Any, strategy: Any = None) -> dict[str, Any]:
    first = {"custom_host": "sandbox:a", "forward_headers": list(headers)}
    targets = [first, {"custom_host": "sandbox:b"}]
    return {"strategy": strategy or {"mode": "fallback"}, "targets": targets}


def test_an_unused_header_is_logged_once(logged: Any) -> None:
    header = name()
    client = Client(
        base_url="sandbox:", portkey_config=config(), default_headers={header: "secret"}
    )
    for _ in range(3):
        client.chat(ask())
    (message,) = logged()
    assert header in message
    assert "forward_headers" in message
    assert "secret" not in message
    assert header not in get("a").requests[-1].headers


def test_a_header_of_any_target_is_not_logged(logged: Any) -> None:
    header = name()
    Client(base_url="sandbox:", portkey_config=config(header.upper())).chat(
        ask(), CallOptions(headers={header: "1"})
    )
    assert logged() == []
    assert get("a").requests[-1].headers[header] == "1"


def test_a_header_named_by_the_argument_is_not_logged(logged: Any) -> None:
    header = name()
    options = CallOptions(headers={header: "1"}, forward_headers=[header])
    Client(base_url="sandbox:", portkey_config=config()).chat(ask(), options)
    assert logged() == []


def test_a_renamed_header_is_not_logged(logged: Any) -> None:
    header = name()
    renamed = {"from": header, "to": "X-Org"}
    Client(base_url="sandbox:", portkey_config=config(renamed), default_headers={header: "1"}).chat(
        ask()
    )
    assert logged() == []
    sent = get("a").requests[-1].headers
    assert sent["x-org"] == "1"
    assert header not in sent


def test_a_header_hashed_by_a_sticky_load_balance_is_not_logged(logged: Any) -> None:
    client = Client(base_url="sandbox:", portkey_config=config(strategy=STICKY))
    client.chat(ask(), CallOptions(headers={"x-session": "1"}))
    assert logged() == []


def test_nothing_is_logged_without_a_config(logged: Any) -> None:
    header = name()
    Client(base_url="sandbox:", default_headers={header: "1"}).chat(ask())
    assert logged() == []
    assert get().requests[-1].headers[header] == "1"


def test_a_user_agent_of_ones_own_is_a_header_like_any_other() -> None:
    client = Client(
        base_url="sandbox:", portkey_config=config(), default_headers={"User-Agent": "mine/1"}
    )
    client.chat(ask())
    assert get("a").requests[-1].headers["user-agent"].startswith("portkey-mistral/")
    client.chat(ask(), CallOptions(forward_headers=["user-agent"]))
    assert get("a").requests[-1].headers["user-agent"] == "mine/1"

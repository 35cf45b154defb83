"""Direct mode keeps the target of a sticky load balance: sync and async, whole and streamed, in both frameworks."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import CallOptions, Client
from portkey_mistral.sandbox import get, reset

TARGETS = 6


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def config(*fields: str, **sticky: Any) -> dict[str, Any]:
    rules = {"enabled": True, "hash_fields": list(fields), **sticky}
    return {
        "strategy": {"mode": "loadbalance", "sticky": rules},
        # A name of the test's own, so that no other test has bound its requests.
        "targets": [
            {"custom_host": f"sandbox:{n}", "api_key": f"key-{uuid4().hex}"} for n in range(TARGETS)
        ],
    }


def hit() -> set[str]:
    return {str(n) for n in range(TARGETS) if get(str(n)).requests}


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_a_user_keeps_the_target(kind: Kind) -> None:
    client = Client(base_url="sandbox:", portkey_config=config("metadata.user"))
    for _ in range(5):
        kind.run(client, ask(), CallOptions(portkey_metadata={"user": "zoë"}))
    assert len(hit()) == 1


def test_all_kinds_of_call_share_the_choice() -> None:
    client = Client(
        base_url="sandbox:",
        portkey_config=config("headers.x-tenant"),
        default_headers={"X-Tenant": "t"},
    )
    for kind in [*KINDS, *STREAMED] * 2:
        kind.run(client, ask(), None)
    assert len(hit()) == 1


def test_users_are_spread_over_the_targets() -> None:
    client = Client(base_url="sandbox:", portkey_config=config("metadata.user"))
    # All of them on one target: one run in six to the 29th.
    for number in range(30):
        client.chat(ask(), CallOptions(portkey_metadata={"user": str(number)}))
    assert len(hit()) > 1


def test_a_choice_ends_with_its_time_to_live(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(base_url="sandbox:", portkey_config=config("metadata.user", ttl=10))
    clock = count(1000, 20)
    monkeypatch.setattr(
        "portkey_mistral._transport.sticky.time", SimpleNamespace(time=lambda: next(clock))
    )
    # All of them on one target again: one run in six to the 29th.
    for _ in range(30):
        client.chat(ask(), CallOptions(portkey_metadata={"user": "zoë"}))
    assert len(hit()) > 1


@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
async def test_in_both_frameworks(adapter_class: Any, mode: str) -> None:
    adapter = adapter_class(
        sync=mode == "sync",
        base_url="sandbox:",
        portkey_config=config("params.model", "metadata.user"),
    )
    for _ in range(4):
        await adapter.chat("Hi", portkey_metadata={"user": "zoë"})
    assert len(hit()) == 1

"""Portkey's features besides routing, on the stand-in for its hosted service: feedback, spans, masked headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, ask
from portkey_mistral import APIStatusError, CallOptions, Client
from portkey_mistral.sandbox.portkey import PortkeySandbox

pytestmark = pytest.mark.gateway

SPAN = {
    "x-portkey-span-id": "span-2",
    "x-portkey-parent-span-id": "span-1",
    "x-portkey-span-name": "retrieval",
}
SENSITIVE = {"x-portkey-sensitive-headers": "x-tenant,x-token"}


@pytest.fixture
def portkey_account() -> dict[str, Any]:
    return {
        "keys": {"pk": {}, "pk-blind": {"scopes": ["completions.write"]}},
        "providers": {"mistral-prod": {"provider": "mistral-ai", "api_key": "sk-m"}},
    }


@pytest.fixture
def make(portkey_sandbox: PortkeySandbox) -> Callable[..., Any]:
    def make(cls: Any = Client, **fields: Any) -> Any:
        connection = {"gateway_url": portkey_sandbox.url, "portkey_api_key": "pk"}
        target = {"portkey_config": {"provider": "@mistral-prod"}, "max_retries": 0}
        return cls(**connection | target | fields)

    return make


# --- feedback ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_feedback_on_an_answer(mode: str, make: Any, portkey_sandbox: PortkeySandbox) -> None:
    client = make()
    trace_id = client.chat(ask()).info.trace_id
    assert trace_id
    if mode == "sync":
        ids = client.feedback(trace_id, 1, weight=0.5, metadata={"_user": "zoë"})
    else:
        ids = asyncio.run(client.afeedback(trace_id, 1, weight=0.5, metadata={"_user": "zoë"}))
    assert len(ids) == 1
    received = portkey_sandbox.requests[-1]
    assert (received.method, received.path, received.status) == ("POST", "/v1/feedback", 200)
    assert received.body == {
        "trace_id": trace_id,
        "value": 1,
        "weight": 0.5,
        "metadata": {"_user": "zoë"},
    }


@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
async def test_feedback_on_an_answer_of_either_framework(
    adapter_class: Any, mode: str, make: Any, portkey_sandbox: PortkeySandbox
) -> None:
    adapter = make(lambda **fields: adapter_class(sync=mode == "sync", **fields))
    answer = await adapter.chat("Hi", trace_id="mine")
    assert answer.info["trace_id"] == "mine"
    await adapter.model.client.afeedback("mine", -10)
    assert portkey_sandbox.requests[-1].body == {"trace_id": "mine", "value": -10}


def test_a_key_that_may_not_give_feedback(make: Any) -> None:
    with pytest.raises(APIStatusError):
        make(portkey_api_key="pk-blind").feedback("t", 1)


# --- headers of Portkey's that have no argument -----------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED], ids=repr)
@pytest.mark.parametrize("given", ["default_headers", "per call"])
def test_spans_and_headers_kept_from_logs(
    kind: Any, given: str, make: Any, portkey_sandbox: PortkeySandbox
) -> None:
    """They are sent to Portkey unchanged, and a masked header is forwarded nevertheless."""
    own = {**SPAN, **SENSITIVE, "x-tenant": "t", "x-token": "secret"}
    options = CallOptions(headers=own if given == "per call" else {}, forward_headers=["x-tenant"])
    client = make(default_headers=own if given == "default_headers" else {})
    kind.run(client, ask(), options)
    received = portkey_sandbox.requests[-1].headers
    assert {name: received[name] for name in SPAN | SENSITIVE} == SPAN | SENSITIVE
    (reached,) = portkey_sandbox.provider("mistral-prod").requests
    assert reached.headers["x-tenant"] == "t"
    assert not [name for name in reached.headers if "portkey" in name or name == "x-token"]


@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
async def test_spans_in_both_frameworks(
    adapter_class: Any, mode: str, make: Any, portkey_sandbox: PortkeySandbox
) -> None:
    adapter = make(
        lambda **fields: adapter_class(sync=mode == "sync", **fields), default_headers=SENSITIVE
    )
    await adapter.chat("Hi", headers=SPAN, trace_id="t1")
    received = portkey_sandbox.requests[-1].headers
    assert {name: received[name] for name in SPAN | SENSITIVE} == SPAN | SENSITIVE
    assert received["x-portkey-trace-id"] == "t1"

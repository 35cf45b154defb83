"""The cache of direct mode: its partitions, and what is not cached."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import CallOptions, Client, EmbeddingRequest
from portkey_mistral.sandbox import get, reset

ALICE, BOB = {"_user": "alice"}, {"_user": "bob"}
TRACE = "00-{}-b7ad6b7169203331-01".format


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


@pytest.fixture
def config() -> dict[str, Any]:
    """A key unique to the test, so that no other test has cached its answers."""
    return {"api_key": f"key-{uuid4().hex}", "cache": {"mode": "simple", "max_age": 60}}


SHARED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"cache_namespace": "a"}, {"cache_namespace": "a"}),
    ({"portkey_metadata": ALICE}, {"portkey_metadata": dict(ALICE)}),
    (
        {"portkey_metadata": {"a": "1", "b": "2"}},
        {"portkey_metadata": {"b": "2", "a": "1"}},
    ),
    # A namespace is the whole partition, as at Portkey.
    (
        {"cache_namespace": "a", "portkey_metadata": ALICE, "headers": {"x-tenant": "1"}},
        {"cache_namespace": "a", "portkey_metadata": BOB, "headers": {"x-tenant": "2"}},
    ),
    ({"trace_id": "1"}, {"trace_id": "2"}),
    ({"headers": {"traceparent": TRACE("1" * 32)}}, {"headers": {"traceparent": TRACE("2" * 32)}}),
    ({"headers": {"X-Tenant": "1"}}, {"headers": {"x-tenant": "1"}}),
]
APART: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"cache_namespace": "a"}, {"cache_namespace": "b"}),
    ({"cache_namespace": "a"}, {}),
    ({"portkey_metadata": ALICE}, {"portkey_metadata": BOB}),
    ({"portkey_metadata": ALICE}, {}),
    ({"portkey_metadata": ALICE}, {"cache_namespace": "alice"}),
    ({"headers": {"x-tenant": "1"}}, {"headers": {"x-tenant": "2"}}),
    ({"headers": {"x-tenant": "1"}}, {}),
    (
        {"headers": {"x-tenant": "1"}, "forward_headers": ["x-tenant"]},
        {"headers": {"x-tenant": "2"}, "forward_headers": ["x-tenant"]},
    ),
    # The two cannot be confused.
    ({"portkey_metadata": {"a": "1"}}, {"headers": {"a": "1"}}),
]
CASES = [(*pair, 1) for pair in SHARED] + [(*pair, 2) for pair in APART]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("first", "second", "sent"), CASES, ids=range(len(CASES)))
def test_calls_that_share_a_cached_answer(
    kind: Kind, first: Any, second: Any, sent: int, config: Any
) -> None:
    client = Client(base_url="sandbox:", portkey_config=config)
    answers = [kind.run(client, ask(), CallOptions(**options)) for options in (first, second)]
    assert len(get().requests) == sent
    assert [answer.info.cache_status for answer in answers] == [None, "HIT" if sent == 1 else None]


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        ({"cache_namespace": "a"}, {"cache_namespace": "a"}, 1),
        ({"cache_namespace": "a"}, {"cache_namespace": "b"}, 2),
        ({"portkey_metadata": ALICE}, {"portkey_metadata": BOB}, 2),
        ({"default_headers": {"x-tenant": "1"}}, {"default_headers": {"x-tenant": "2"}}, 2),
    ],
)
def test_settings_partition_the_cache_like_options(
    first: Any, second: Any, sent: int, config: Any
) -> None:
    for fields in (first, second):
        Client(base_url="sandbox:", portkey_config=config, **fields).chat(ask())
    assert len(get().requests) == sent


def test_embeddings_are_partitioned_too(config: Any) -> None:
    client = Client(base_url="sandbox:", portkey_config=config)
    request = EmbeddingRequest(model="mistral-embed", inputs=["a"])
    for metadata in (ALICE, BOB, ALICE):
        client.embed(request, CallOptions(portkey_metadata=metadata))
    assert len(get().requests) == 2


@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
async def test_in_both_frameworks(adapter_class: Any, mode: str, config: Any) -> None:
    adapter = adapter_class(sync=mode == "sync", base_url="sandbox:", portkey_config=config)
    for options in ({"cache_namespace": "a"}, {"cache_namespace": "b"}, {"cache_namespace": "a"}):
        await adapter.chat("What is my name?", **options)
    assert len(get().requests) == 2


@pytest.mark.parametrize("kind", STREAMED)
def test_streams_do_not_use_the_cache(kind: Kind, config: Any) -> None:
    client = Client(base_url="sandbox:", portkey_config=config)
    client.chat(ask())
    for _ in range(2):
        assert kind.run(client, ask(), None).info.cache_status is None
    assert len(get().requests) == 3
    assert client.chat(ask()).info.cache_status == "HIT"
    assert client.chat(ask()).info.cache_status == "HIT"
    assert len(get().requests) == 3

"""`default_params` and `drop_params`: a target gets the same body in direct mode, through the gateway and at Portkey.

The open-source gateway supports neither, and gets the result as `override_params`. Each case is a fallback whose first
target fails, so that both record their bodies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, ask
from parity import placed
from portkey_mistral import Client, EmbeddingRequest, Tool
from upstream import Upstream, UpstreamReply

pytestmark = pytest.mark.gateway

FAILS = UpstreamReply(500, b'{"message": "No."}')
# Each is a route to the same two targets.
WAYS: dict[str, dict[str, Any]] = {
    "direct": {},
    "unified": {"gateway_lane": "unified"},
    "proxy": {"gateway_lane": "proxy"},
    "hosted": {"gateway_lane": "unified", "portkey_api_key": "pk-sandbox"},
}
ways = pytest.mark.parametrize("way", WAYS)


def leaf(host: str, provider: str = "mistral-ai", **more: Any) -> dict[str, Any]:
    return {"provider": provider, "api_key": f"key-{host}", "custom_host": host, **more}


def fallback(first: Mapping[str, Any], second: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback"}, "targets": [first, second], **more}


A, B, GPT = leaf("a"), leaf("b"), leaf("b", "openai")
STRICT = Tool("now", strict=True)


def default(**params: Any) -> dict[str, Any]:
    return {"default_params": params}


def override(**params: Any) -> dict[str, Any]:
    return {"override_params": params}


def drops(*paths: str) -> dict[str, Any]:
    return {"drop_params": list(paths)}


# The config, the parameters of the request, and those that each target gets; None for absent.
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a default": (fallback(A, GPT, **default(max_tokens=64)), {}, {"max_tokens": 64}, {}),
    "a default that is set": (
        fallback(A, B, **default(max_tokens=64)),
        {"max_tokens": 5},
        {"max_tokens": 5},
        {"max_tokens": 5},
    ),
    "the child's default": (
        fallback(A | default(temperature=0.1), B, **default(temperature=0.2, top_p=0.5)),
        {},
        {"temperature": 0.1, "top_p": 0.5},
        {"temperature": 0.2, "top_p": 0.5},
    ),
    "an override over a default": (
        fallback(A | override(temperature=0.1), B, **default(temperature=0.2)),
        {},
        {"temperature": 0.1},
        {"temperature": 0.2},
    ),
    "a default by another name": (
        fallback(A | default(seed=1), B | default(seed=1)),
        {"random_seed": 7},
        {"random_seed": 7},
        {"random_seed": 7},
    ),
    "dropped by all": (
        fallback(A, B, **drops("temperature", "nothing.here")),
        {"temperature": 0.3, "top_p": 0.5},
        {"temperature": None, "top_p": 0.5},
        {"temperature": None, "top_p": 0.5},
    ),
    "dropped by one": (
        fallback(A | drops("temperature"), B),
        {"temperature": 0.3},
        {"temperature": None},
        {"temperature": 0.3},
    ),
    "a dropped default": (
        fallback(A | drops("top_p"), B, **default(top_p=0.5)),
        {},
        {"top_p": None},
        {"top_p": 0.5},
    ),
    "a dropped override": (
        fallback(A | override(top_p=0.1) | drops("top_p"), B),
        {"top_p": 0.9},
        {"top_p": None},
        {"top_p": 0.9},
    ),
    "a part that is dropped by one": (
        fallback(A | drops("tools[*].function.strict"), B),
        {"tools": [STRICT]},
        {"tools": [{"name": "now"}]},
        {"tools": [{"name": "now", "strict": True}]},
    ),
    "a part that is dropped by all": (
        fallback(A, B, **drops("tools[0].function.strict")),
        {"tools": [STRICT]},
        {"tools": [{"name": "now"}]},
        {"tools": [{"name": "now"}]},
    ),
}
CASES["a default"][3]["max_tokens"] = 64


@pytest.fixture
def make(upstream: Upstream, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return a client for one route to a config whose hosts are names of targets; the first one fails."""
    upstream.script("parameters", {"a": [FAILS]})

    def make(way: str, config: Mapping[str, Any], cls: Any = Client, **fields: Any) -> Any:
        located = placed(config, lambda target: upstream.host("parameters", target))
        if way in ("unified", "proxy"):
            fields["gateway_url"] = request.getfixturevalue("portkey_gateway_url")
        elif way == "hosted":
            fields["gateway_url"] = request.getfixturevalue("portkey_sandbox_url")
        return cls(portkey_config=located, max_retries=0, **WAYS[way], **fields)

    return make


@pytest.fixture
def got(upstream: Upstream) -> Callable[[], dict[str, Any]]:
    """Return the body that came to each target."""
    return lambda: {hit.target: hit.body for hit in upstream.take("parameters")}


def seen(body: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a target got under these names, by Mistral's names; null is not "not there"."""
    own = {"max_completion_tokens": "max_tokens", "seed": "random_seed"}
    named = {own.get(name, name): value for name, value in body.items()}
    if "tools" in named:
        functions = [tool["function"] for tool in named["tools"]]
        named["tools"] = [
            {key: each[key] for key in ("name", "strict") if key in each} for each in functions
        ]
    nulls = {f"null {name}": True for name in names if name in named and named[name] is None}
    return {name: named.get(name) for name in names} | nulls


@ways
@pytest.mark.parametrize("case", CASES)
def test_each_target_gets_its_parameters(way: str, case: str, make: Any, got: Any) -> None:
    config, fields, first, second = CASES[case]
    make(way, config).chat(ask(**fields))
    came = got()
    assert (seen(came["a"], first), seen(came["b"], second)) == (first, second)


@ways
@pytest.mark.parametrize("kind", [*KINDS[1:], *STREAMED], ids=repr)
def test_in_every_kind_of_call(way: str, kind: Any, make: Any, got: Any) -> None:
    config = fallback(A, B, **default(max_tokens=64), **drops("temperature"))
    kind.run(make(way, config), ask(temperature=0.3), None)
    for body in got().values():
        assert seen(body, {"max_tokens": 0, "temperature": 0}) == {
            "max_tokens": 64,
            "temperature": None,
        }


@pytest.mark.parametrize("way", ["direct", "unified"])
@pytest.mark.parametrize(("adapter_class", "mode"), ADAPTERS)
async def test_in_both_frameworks(
    way: str, adapter_class: Any, mode: str, make: Any, got: Any
) -> None:
    config = fallback(A, B, **default(max_tokens=64), **drops("temperature"))
    adapter = make(way, config, lambda **fields: adapter_class(sync=mode == "sync", **fields))
    await adapter.chat("Hi", temperature=0.3)
    for body in got().values():
        assert seen(body, {"max_tokens": 0, "temperature": 0}) == {
            "max_tokens": 64,
            "temperature": None,
        }


@pytest.mark.parametrize("way", ["direct", "proxy"])
def test_embeddings(way: str, make: Any, got: Any) -> None:
    config = fallback(A, B, **default(output_dtype="int8"), **drops("encoding_format"))
    request = EmbeddingRequest(model="mistral-embed", inputs=["a"])
    make(way, config).embed(request)
    for body in got().values():
        assert body["output_dtype"] == "int8"
        assert "encoding_format" not in body


def conditional(key: str, **more: Any) -> dict[str, Any]:
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": {key: {"$gt": 0}}, "then": "second"}],
            "default": "first",
        },
        "targets": [leaf("b", name="first"), leaf("c", name="second")],
        **more,
    }


ORIGINAL = [
    (conditional("params.max_tokens", **default(max_tokens=64)), {}, "b"),
    (conditional("params.max_tokens", **override(max_tokens=9)), {}, "b"),
    (conditional("params.max_tokens", **drops("max_tokens")), {"max_tokens": 5}, "c"),
]


@pytest.mark.parametrize(
    ("way", "config", "fields", "target"),
    # The stand-in says that it does not support the last one.
    [(way, *case) for way in WAYS for case in (ORIGINAL[:2] if way == "hosted" else ORIGINAL)],
)
def test_conditions_see_the_request_as_it_was_made(
    way: str, config: Any, fields: Any, target: str, make: Any, got: Any
) -> None:
    make(way, config).chat(ask(**fields))
    assert list(got()) == [target]


def test_a_default_takes_the_lane_that_carries_it(make: Any, got: Any) -> None:
    """A parameter that the unified route would drop is also lost if the config sets it."""
    config = fallback(A, B, **default(stop=["."]))
    way = "unified"
    located = make(way, config).settings
    client = Client(portkey_config=located.portkey_config, gateway_url=located.gateway_url)
    assert client.chat(ask()).info.lane == "proxy"
    assert [body["stop"] for body in got().values()] == [["."], ["."]]

"""Which of the caller's headers reach which target: the same in direct mode, through the gateway and at Portkey.

Each case is a fallback whose first target fails, so that both targets record their headers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from adapters import ADAPTERS
from kinds import KINDS, STREAMED, ask
from parity import placed
from portkey_mistral import (
    CallOptions,
    Client,
    ConfigurationError,
    EmbeddingRequest,
    FIMRequest,
    ParameterLossError,
)
from upstream import Upstream, UpstreamReply

pytestmark = pytest.mark.gateway

FAILS = UpstreamReply(500, b'{"message": "No."}')
OWN = {
    "X-Tenant": "t",
    "x-front-door-token": "secret-of-the-front-door",
    "cookie": "session=1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
NAMES = frozenset(name.lower() for name in OWN)

MakeClient = Callable[..., Any]


def leaf(host: str, provider: str = "mistral-ai", **more: Any) -> dict[str, Any]:
    return {"provider": provider, "api_key": f"key-{host}", "custom_host": host, **more}


def fallback(first: Mapping[str, Any], second: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback"}, "targets": [first, second], **more}


A, B, GPT = leaf("a"), leaf("b"), leaf("b", "openai")
TENANT = {"forward_headers": ["x-tenant"]}
TRACE = {"forward_headers": ["traceparent"]}

# The config, the argument forward_headers, and what of the caller's headers each target gets.
CASES: list[tuple[dict[str, Any], list[str] | None, set[str], set[str]]] = [
    (fallback(A, GPT), None, set(), set()),
    (fallback(A | TENANT, GPT), None, {"x-tenant"}, set()),
    (fallback(A | {"forward_headers": ["X-TENANT"]}, B | TRACE), None, {"x-tenant"}, {"traceparent"}),
    (fallback(A, GPT, **TENANT), None, {"x-tenant"}, {"x-tenant"}),
    (fallback(A | {"forward_headers": []}, GPT, **TENANT), None, set(), {"x-tenant"}),
    (fallback(A | TRACE, GPT, **TENANT), None, {"traceparent"}, {"x-tenant"}),
    (fallback(A | TENANT, GPT), ["traceparent"], {"traceparent"}, {"traceparent"}),
    (fallback(A | TENANT, GPT), ["x-nobody"], set(), set()),
]  # fmt: skip
MODES = ["direct", "open source", "hosted"]


@pytest.fixture
def make(upstream: Upstream, request: pytest.FixtureRequest) -> MakeClient:
    """Make a client of one mode for a config whose hosts are names of targets; the first one fails."""
    upstream.script("headers", {"a": [FAILS]})

    def make(mode: str, config: Mapping[str, Any] | None, cls: Any = Client, **fields: Any) -> Any:
        located = config and placed(config, lambda target: upstream.host("headers", target))
        connection: dict[str, Any] = {"portkey_config": located, "max_retries": 0}
        match mode:
            case "open source":
                connection["gateway_url"] = request.getfixturevalue("portkey_gateway_url")
            case "hosted":
                connection["gateway_url"] = request.getfixturevalue("portkey_sandbox_url")
                connection["portkey_api_key"] = "pk-sandbox"
        return cls(**connection, **fields)

    return make


@pytest.fixture
def got(upstream: Upstream) -> Callable[[], dict[str, Mapping[str, str]]]:
    """Return the headers that came to each target."""
    return lambda: {hit.target: hit.headers for hit in upstream.take("headers")}


def own(headers: Mapping[str, str]) -> set[str]:
    return set(headers) & NAMES


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("config", "argument", "first", "second"), CASES, ids=range(len(CASES)))
@pytest.mark.parametrize("given", ["default_headers", "per call"])
def test_a_target_gets_the_headers_that_are_named_for_it(
    mode, config, argument, first, second, given, make, got
):
    fields = {"default_headers": OWN, "forward_headers": argument}
    options = {"headers": OWN, "forward_headers": argument}
    if given == "default_headers":
        make(mode, config, **fields).chat(ask())
    else:
        make(mode, config).chat(ask(), CallOptions(**options))
    came = got()
    assert (own(came["a"]), own(came["b"])) == (first, second)
    assert [came[host]["authorization"] for host in "ab"] == ["Bearer key-a", "Bearer key-b"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [*KINDS[1:], *STREAMED], ids=repr)
def test_in_every_kind_of_call(mode, kind, make, got):
    kind.run(make(mode, fallback(A | TENANT, GPT), default_headers=OWN), ask(), None)
    came = got()
    assert (own(came["a"]), own(came["b"])) == ({"x-tenant"}, set())


@pytest.mark.parametrize("mode", MODES)
def test_embeddings(mode, make, got):
    client = make(mode, fallback(A | TENANT, B), default_headers=OWN)
    client.embed(EmbeddingRequest(model="mistral-embed", inputs=["a"]))
    came = got()
    assert (own(came["a"]), own(came["b"])) == ({"x-tenant"}, set())


@pytest.mark.parametrize("mode", MODES[:2])
@pytest.mark.parametrize(("adapter_class", "call_mode"), ADAPTERS)
async def test_in_both_frameworks(mode, adapter_class, call_mode, make, got):
    adapter = make(
        mode,
        fallback(A | TENANT, GPT),
        lambda **fields: adapter_class(sync=call_mode == "sync", **fields),
        default_headers=OWN,
    )
    await adapter.chat("Hi")
    came = got()
    assert (own(came["a"]), own(came["b"])) == ({"x-tenant"}, set())


@pytest.mark.parametrize("mode", ["direct", "open source"])
def test_a_forwarded_authorization_replaces_the_key_of_its_target(mode, make, got):
    """Portkey itself reads this header: as a Portkey key, or as that of the provider."""
    config = fallback(A | {"forward_headers": ["Authorization"]}, GPT)
    make(mode, config, default_headers={"authorization": "Bearer of-the-caller"}).chat(ask())
    came = got()
    assert came["a"]["authorization"] == "Bearer of-the-caller"
    assert came["b"]["authorization"] == "Bearer key-b"


# --- where the proxy lane would pass them on --------------------------------------------------------

# A request for which the unified lane would lose something, and one that has no unified lane.
LOSSY = {"stop": ["."]}
FIM = FIMRequest(model="codestral-latest", prompt="p")


def named(*names: str) -> dict[str, Any]:
    return {"forward_headers": [*names]}


@pytest.mark.parametrize(
    ("config", "argument"),
    [
        (fallback(A | TENANT, GPT), None),
        (fallback(A | named(*OWN), GPT), None),
        (fallback(A | named(*OWN), GPT | TENANT), None),
        (fallback(A | named(*OWN), GPT | named(*OWN)), ["x-tenant"]),
    ],
)
def test_the_proxy_lane_passes_on_no_header_that_nobody_named(config, argument, make, got):
    fields = {"default_headers": OWN, "forward_headers": argument}
    client = make("open source", config, **fields)
    with pytest.raises(ParameterLossError, match=r"drop stop .* cookie.*forward_headers="):
        client.chat(ask(**LOSSY))
    with pytest.raises(ConfigurationError, match=r"passes every header on .*x-front-door-token"):
        client.fim(FIM)
    with pytest.raises(ConfigurationError, match=r"passes every header on .*x-front-door-token"):
        make("open source", config, gateway_lane="proxy", **fields).chat(ask())
    assert got() == {}


@pytest.mark.parametrize(
    ("config", "argument"),
    [
        (fallback(A | named(*OWN), GPT | named(*NAMES)), None),
        (fallback(A, GPT, **named(*OWN)), None),
        (fallback(A, GPT), [*OWN]),
    ],
)
@pytest.mark.parametrize("lane", ["auto", "proxy"])
def test_the_proxy_lane_is_taken_where_every_target_may_have_them(
    config, argument, lane, make, got
):
    client = make(
        "open source",
        config,
        default_headers=OWN,
        forward_headers=argument,
        gateway_lane=lane,
    )
    assert client.chat(ask(**LOSSY)).info.lane == "proxy"
    came = got()
    assert (own(came["a"]), own(came["b"])) == (NAMES, NAMES)


def test_a_lossless_request_keeps_to_the_unified_lane(make, got):
    client = make("open source", fallback(A | TENANT, GPT), default_headers=OWN)
    assert client.chat(ask()).info.lane == "unified"
    assert own(got()["b"]) == set()


@pytest.mark.parametrize("mode", MODES[1:])
def test_the_list_of_models_is_proxied_too(mode, make, got):
    client = make(mode, A, default_headers=OWN)
    with pytest.raises(ConfigurationError, match="passes every header on"):
        client.models()
    assert got() == {}


# --- without a config -------------------------------------------------------------------------------


def test_without_a_config_they_go_to_the_one_host_that_they_were_set_for(upstream, make, got):
    client = make(
        "direct",
        None,
        base_url=upstream.host("headers", "b"),
        api_key="key-b",
        default_headers=OWN,
    )
    client.chat(ask())
    client.fim(FIM)
    assert own(got()["b"]) == NAMES


def test_without_a_config_the_host_is_the_gateway(upstream, make, got):
    fields = {"base_url": upstream.host("headers", "b"), "api_key": "key-b", "default_headers": OWN}
    make("open source", None, **fields).chat(ask())
    assert own(got()["b"]) == set()


def test_headers_for_the_gateway_are_not_forwarded(make, got):
    """Names of headers, metadata and trace ids of Portkey's are no headers of the target's."""
    client = make(
        "open source",
        fallback(A, GPT),
        trace_id="t1",
        portkey_metadata={"_user": "u"},
        forward_headers=["x-tenant"],
        default_headers={"x-tenant": "t"},
    )
    client.chat(ask(**LOSSY))
    assert not [name for headers in got().values() for name in headers if "portkey" in name]

"""Every class of both frameworks keeps data in its region, or raises before anything is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from llama_index.core.llms import ChatMessage

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import (
    CallOptions,
    ChatRequest,
    Client,
    FilePart,
    Message,
    ResidencyError,
    TextPart,
    UnknownPart,
)

EU, US = "https://api.eu.mistral.ai/v1", "https://api.us.mistral.ai/v1"
GLOBAL = "https://api.mistral.ai/v1"
HOSTS = {"eu": EU, "us": US}
OTHER = {"eu": US, "us": EU}
OWN = "http://localhost:8787/v1"
CHAT = [ChatMessage(role="user", content="hi")]


@dataclass
class Wire:
    """Answers every request, and records it."""

    left: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.left.append(request)
        body = json.loads(request.content)
        if "input" in body:
            vectors = [{"index": n, "embedding": [1.0]} for n in range(len(body["input"]))]
            return httpx.Response(200, json={"model": "m", "data": vectors})
        choice = {"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "c", "model": "m", "choices": [choice]})

    def fields(self) -> dict[str, object]:
        transport = httpx.MockTransport(self)
        return {
            "http_client": httpx.Client(transport=transport, follow_redirects=True),
            "http_async_client": httpx.AsyncClient(transport=transport, follow_redirects=True),
        }


@dataclass(frozen=True)
class Kind:
    name: str
    make: Callable[..., object]
    call: Callable[..., object]
    acall: Callable[..., object]

    def __repr__(self) -> str:
        return self.name


KINDS = [
    Kind("chat", ChatPortkeyMistral, lambda o: o.invoke("hi"), lambda o: o.ainvoke("hi")),
    Kind(
        "embeddings",
        PortkeyMistralEmbeddings,
        lambda o: o.embed_query("hi"),
        lambda o: o.aembed_query("hi"),
    ),
    Kind("fim", PortkeyMistralFIM, lambda o: o.invoke("def"), lambda o: o.ainvoke("def")),
    Kind("llm", PortkeyMistral, lambda o: o.chat(CHAT), lambda o: o.achat(CHAT)),
    Kind(
        "embedding",
        PortkeyMistralEmbedding,
        lambda o: o.get_query_embedding("hi"),
        lambda o: o.aget_query_embedding("hi"),
    ),
]
CLASSES = pytest.mark.parametrize("kind", KINDS)
REGIONS = pytest.mark.parametrize("region", ["eu", "us"])
MISTRAL = {"provider": "mistral-ai", "api_key": "k"}


def fallback(*targets: dict[str, object]) -> dict[str, object]:
    return {"strategy": {"mode": "fallback"}, "targets": list(targets)}


def nested(target: dict[str, object]) -> dict[str, object]:
    inner = {"strategy": {"mode": "loadbalance"}, "targets": [MISTRAL, target]}
    return fallback(MISTRAL, inner)


def refused(path: str, act: Callable[[], object]) -> None:
    with pytest.raises(ResidencyError) as caught:
        act()
    assert caught.value.path == path
    assert path in str(caught.value)


@CLASSES
@REGIONS
@pytest.mark.parametrize("config", [None, fallback(MISTRAL), nested(MISTRAL)], ids=["no", "1", "2"])
def test_direct_calls_go_to_the_regional_host(
    kind: Kind, region: str, config: dict[str, object] | None
) -> None:
    wire = Wire()
    built = kind.make(data_residency=region, api_key="k", portkey_config=config, **wire.fields())
    kind.call(built)
    asyncio.run(kind.acall(built))  # type: ignore[arg-type]
    assert {f"https://{request.url.host}/v1" for request in wire.left} == {HOSTS[region]}
    assert len(wire.left) == 2


@CLASSES
@REGIONS
@pytest.mark.parametrize("config", [None, nested(MISTRAL)], ids=["no", "2"])
def test_the_gateway_gets_the_regional_host(
    kind: Kind, region: str, config: dict[str, object] | None
) -> None:
    wire = Wire()
    kind.call(
        kind.make(
            data_residency=region,
            gateway_url=OWN,
            api_key="k",
            portkey_config=config,
            **wire.fields(),
        )
    )
    (request,) = wire.left
    header = request.headers.get("x-portkey-config") or request.headers["x-portkey-custom-host"]
    assert header.count(HOSTS[region]) == (3 if config else 1)


@CLASSES
@REGIONS
@pytest.mark.parametrize("gateway", [{}, {"gateway_url": OWN}], ids=["direct", "gateway"])
def test_a_route_that_leaves_the_region_is_refused_at_construction(
    kind: Kind, region: str, gateway: dict[str, object]
) -> None:
    for host in (GLOBAL, OTHER[region], "https://llm.example/v1"):
        target = {**MISTRAL, "custom_host": host}
        path = "config.targets[1].targets[1]"
        refused(
            path,
            lambda target=target: kind.make(  # type: ignore[misc]
                data_residency=region, api_key="k", portkey_config=nested(target), **gateway
            ),
        )
        only_host = {"custom_host": host}
        refused(
            "config",
            lambda only_host=only_host: kind.make(  # type: ignore[misc]
                data_residency=region, api_key="k", portkey_config=only_host, **gateway
            ),
        )
    openai = fallback(MISTRAL, {"provider": "openai", "api_key": "k"})
    refused(
        "config.targets[1]",
        lambda: kind.make(data_residency=region, portkey_config=openai, **gateway),
    )


@CLASSES
def test_hosted_portkey_has_to_be_declared(kind: Kind) -> None:
    hosted = {"data_residency": "eu", "portkey_api_key": "pk", "api_key": "k"}
    refused("gateway_url", lambda: kind.make(**hosted))
    kind.make(**hosted, residency_hosts={"api.portkey.ai": "eu"})
    refused("gateway_url", lambda: kind.make(**hosted, residency_hosts={"api.portkey.ai": "us"}))


@CLASSES
def test_the_users_own_host_has_to_be_declared(kind: Kind) -> None:
    wire = Wire()
    own = {"data_residency": "eu", "base_url": "https://llm.example.eu/v1", "api_key": "k"}
    refused("base_url", lambda: kind.make(**own))
    kind.call(kind.make(**own, residency_hosts={"llm.example.eu": "eu"}, **wire.fields()))
    assert [request.url.host for request in wire.left] == ["llm.example.eu"]


@CLASSES
@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_assigned_field_is_checked_at_the_call(kind: Kind, asynchronous: bool) -> None:
    wire = Wire()
    built = kind.make(data_residency="eu", api_key="k", **wire.fields())
    built.base_url = GLOBAL  # type: ignore[attr-defined]
    act = (lambda: asyncio.run(kind.acall(built))) if asynchronous else (lambda: kind.call(built))  # type: ignore[arg-type]
    refused("base_url", act)
    assert wire.left == []


@pytest.mark.parametrize("gateway", [{}, {"gateway_url": OWN}], ids=["direct", "gateway"])
def test_a_config_of_one_call_is_checked(gateway: dict[str, object]) -> None:
    wire, config = Wire(), nested({"provider": "openai", "api_key": "k"})
    given = {"data_residency": "eu", "api_key": "k", **wire.fields(), **gateway}
    chat, llm, client = ChatPortkeyMistral(**given), PortkeyMistral(**given), Client(**given)
    path = "config.targets[1].targets[1]"
    refused(path, lambda: chat.invoke("hi", portkey_config=config))
    refused(path, lambda: list(chat.stream("hi", portkey_config=config)))
    refused(path, lambda: asyncio.run(chat.ainvoke("hi", portkey_config=config)))
    refused(path, lambda: llm.chat(CHAT, portkey_config=config))
    refused(path, lambda: list(llm.stream_chat(CHAT, portkey_config=config)))
    refused(path, lambda: asyncio.run(llm.achat(CHAT, portkey_config=config)))
    refused("config", lambda: chat.invoke("hi", portkey_config={"custom_host": GLOBAL}))
    options = CallOptions(portkey_config=config)
    refused(path, lambda: client.chat(ASK, options))
    refused(path, lambda: list(client.stream(ASK, options)))
    assert wire.left == []


ASK = ChatRequest(model="mistral-small-latest", messages=[Message.user("hi")])
HOSTED = {
    "data_residency": "eu",
    "portkey_api_key": "pk",
    "api_key": "k",
    "residency_hosts": {"api.portkey.ai": "eu", "@here": "eu"},
}


@pytest.mark.parametrize(
    ("fields", "model", "headers", "path"),
    [
        ({}, "@there/gpt", {}, "model"),
        (
            {
                "portkey_config": fallback(
                    {**MISTRAL, "override_params": {"model": "@there/m"}}, MISTRAL
                )
            },
            "m",
            {},
            "config.targets[0].override_params.model",
        ),
        ({}, "m", {"X-Portkey-Custom-Host": US}, "base_url"),
        ({}, "m", {"x-portkey-provider": "openai"}, "provider"),
        ({}, "m", {"x-portkey-virtual-key": "vk-secret"}, "virtual_key"),
        (
            {},
            "m",
            {"x-portkey-config": '{"provider": "openai", "api_key": "secret"}'},
            "config",
        ),
        ({}, "m", {"x-portkey-config": "pc-there"}, "portkey_config"),
        ({"provider": "openai", "api_key": None}, "m", {}, "provider"),
        # Nothing names a provider: the Portkey key's default config does.
        ({"api_key": None}, "m", {}, "portkey_api_key"),
        (
            {"portkey_config": {"retry": {"attempts": 1}}, "api_key": None},
            "m",
            {},
            "portkey_api_key",
        ),
    ],
)
def test_every_route_through_the_gateway_is_checked(
    fields: dict[str, object], model: str, headers: dict[str, str], path: str
) -> None:
    wire = Wire()

    def call() -> None:
        client = Client(**{**HOSTED, **wire.fields(), **fields})
        request = ChatRequest(model=model, messages=[Message.user("hi")])
        client.chat(request, CallOptions(headers=headers))

    with pytest.raises(ResidencyError) as caught:
        call()
    assert caught.value.path == path
    assert "secret" not in str(caught.value)
    assert wire.left == []


def test_default_headers_are_checked_too() -> None:
    refused(
        "base_url",
        lambda: Client(**HOSTED, default_headers={"x-portkey-custom-host": US}),
    )


def test_the_passthrough_lane_goes_to_the_regional_host() -> None:
    wire = Wire()
    client = Client(**HOSTED, gateway_lane="passthrough", **wire.fields())
    client.chat(ASK)
    assert wire.left[0].headers["x-portkey-custom-host"] == EU


@pytest.mark.parametrize(
    "named",
    [
        {"provider": "@here"},
        {"virtual_key": "vk", "residency_hosts": {"api.portkey.ai": "eu", "a virtual key": "eu"}},
        {"portkey_config": "pc-a", "residency_hosts": {"api.portkey.ai": "eu", "pc-a": "eu"}},
    ],
)
def test_no_host_is_added_where_only_portkey_knows_the_target(named: dict[str, object]) -> None:
    wire = Wire()
    client = Client(**{**HOSTED, "api_key": None, **named}, **wire.fields())
    client.chat(ASK)
    assert "x-portkey-custom-host" not in wire.left[0].headers


def test_declared_slugs_pass() -> None:
    wire = Wire()
    client = Client(**{**HOSTED, **wire.fields(), "api_key": None, "provider": "@here"})
    client.chat(ChatRequest(model="@here/mistral-small", messages=[Message.user("hi")]))
    assert len(wire.left) == 1


def test_cached_answers_stay_in_the_region() -> None:
    config = {**MISTRAL, "cache": {"mode": "simple"}}
    given = {"data_residency": "eu", "portkey_config": config}
    given["state"] = "redis://app:pw@cache.example:6379/0"
    pytest.importorskip("redis")
    refused("state", lambda: Client(**given))
    Client(**given, residency_hosts={"cache.example": "eu"})
    Client(**{**given, "state": "redis://localhost:6379/0"})
    Client(**{**given, "portkey_config": MISTRAL})


@pytest.mark.parametrize(
    ("fields", "overrides", "path", "what"),
    [
        ({"tools": [{"type": "web_search"}]}, {}, "tools[0]", "the built-in tool 'web_search'"),
        ({"extra": {"agent_id": "ag_1"}}, {}, "agent_id", "agents"),
        (
            {"messages": [Message.user((TextPart("read"), FilePart("f1")))]},
            {},
            "messages[0]",
            "uploaded files",
        ),
        (
            {"messages": [Message.user((UnknownPart({"type": "file", "file_id": "f1"}),))]},
            {},
            "messages[0]",
            "uploaded files",
        ),
        ({}, {"agent_id": "ag_1"}, "config.override_params.agent_id", "agents"),
        (
            {},
            {"tools": [{"type": "code_interpreter"}]},
            "config.override_params.tools[0]",
            "'code_interpreter'",
        ),
    ],
)
def test_what_regional_hosts_do_not_serve_is_refused(
    fields: dict[str, object], overrides: dict[str, object], path: str, what: str
) -> None:
    wire, config = Wire(), {**MISTRAL, "override_params": overrides}
    given = {"model": "mistral-small-latest", "messages": [Message.user("hi")], **fields}
    client = Client(data_residency="eu", portkey_config=config, **wire.fields())
    with pytest.raises(ResidencyError, match="regional hosts do not serve") as caught:
        client.chat(ChatRequest(**given))  # type: ignore[arg-type]
    assert caught.value.path == path
    assert what in str(caught.value)
    assert wire.left == []


@CLASSES
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(kind: Kind, status: int) -> None:
    left: list[str] = []

    def elsewhere(request: httpx.Request) -> httpx.Response:
        left.append(request.url.host)
        return httpx.Response(status, headers={"location": "https://api.mistral.ai/v1/x"})

    with httpx.Client(transport=httpx.MockTransport(elsewhere), follow_redirects=True) as own:
        built = kind.make(data_residency="eu", api_key="k", http_client=own, max_retries=0)
        with pytest.raises(Exception, match=str(status)):
            kind.call(built)
    assert left == ["api.eu.mistral.ai"]

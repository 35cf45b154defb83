"""`x-portkey-*` headers, written by Portkey's SDK or by hand, are read as the equivalent arguments."""

from __future__ import annotations

import json
import pickle
from functools import partial
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from portkey_mistral import (
    CallOptions,
    ChatRequest,
    Client,
    Config,
    ConfigurationError,
    ConnectionSettings,
    Message,
)
from portkey_names import MISTRAL_KEY, routing_headers
from portkey_sdk import createHeaders

HOSTED = "https://api.portkey.ai/v1"
OWN = "http://localhost:8787/v1"
ASK = ChatRequest(model="m", messages=[Message.user("Hi")])
SECRET = "sk-do-not-show-me-1234567890"


class Portkey:
    """Answers every request, and records it."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def client(self, **fields: Any) -> Client:
        http = httpx.Client(transport=httpx.MockTransport(self._answer))
        return Client(http_client=http, **fields)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "c", "model": "m", "choices": [choice]})

    @property
    def sent(self) -> dict[str, str]:
        """The headers of the only request."""
        (request,) = self.requests
        return dict(request.headers)


@pytest.fixture
def portkey() -> Portkey:
    return Portkey()


created = partial(partial, createHeaders)
"""A parameter `headers` that the SDK writes when its test runs."""


@pytest.fixture
def headers(request: pytest.FixtureRequest) -> dict[str, str]:
    given: Any = request.param
    return given() if callable(given) else given


def settings(headers: dict[str, str], **fields: Any) -> ConnectionSettings:
    return ConnectionSettings(default_headers=headers, **fields)


def plain(value: Any) -> Any:
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Config():
            return value.slug or value.to_dict(secrets=True)
        case _:
            return value


RETRY = {"retry": {"attempts": 2}}
READ = [
    (created(api_key="pk"), {"portkey_api_key": "pk"}),
    (created(api_key="pk", provider="@m"), {"provider": "@m"}),
    (created(api_key="pk", provider="mistral-ai"), {"provider": "mistral-ai"}),
    (created(api_key="pk", virtual_key="v"), {"virtual_key": "v"}),
    (created(api_key="pk", config="pc-a"), {"portkey_config": "pc-a"}),
    (created(api_key="pk", config=RETRY), {"portkey_config": RETRY}),
    (created(api_key="pk", trace_id="t"), {"trace_id": "t"}),
    (created(api_key="pk", metadata={"_user": "é", "n": 1, "on": True}), {"portkey_metadata": {"_user": "é", "n": "1", "on": "true"}}),
    (created(api_key="pk", cache_namespace="n"), {"cache_namespace": "n"}),
    (created(api_key="pk", cache_force_refresh=True), {"cache_force_refresh": True}),
    (created(api_key="pk", cache_force_refresh=False), {"cache_force_refresh": False}),
    (created(api_key="pk", custom_host="https://llm.example/v1"), {"base_url": "https://llm.example/v1"}),
    (created(api_key="pk", forward_headers=["X-A", "x-b"], X_A="1"), {"forward_headers": ["X-A", "x-b"], "default_headers": {"X-A": "1"}}),
    ({"x-portkey-forward-headers": "X-A, x-b"}, {"forward_headers": ["X-A", "x-b"]}),
    ({"x-portkey-forward-headers": "['X-A', 'x-b']"}, {"forward_headers": ["X-A", "x-b"]}),
    ({"x-portkey-forward-headers": '["X-A", "x-b"]'}, {"forward_headers": ["X-A", "x-b"]}),
    ({"X-Portkey-Provider": "@m"}, {"provider": "@m"}),
    ({"x-portkey-provider": "@m", "X-Portkey-Provider": "@m"}, {"provider": "@m"}),
    ({"x-portkey-config": ""}, {"portkey_config": None}),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "expected"), READ, indirect=["headers"])
def test_headers_are_read_as_arguments(headers: dict[str, str], expected: dict[str, Any]) -> None:
    made = settings(headers)
    assert made.mode == "gateway"
    assert {name: plain(getattr(made, name)) for name in expected} == expected
    assert not [name for name in made.default_headers or {} if name.lower() in headers and name.lower() != "x-a"]  # fmt: skip


def test_headers_without_an_argument_stay_headers(portkey: Portkey) -> None:
    headers = createHeaders(
        api_key="pk",
        provider="@m",
        debug=False,
        span_id="s",
        sensitive_headers=["X-A", "X-B"],
        beta="b",
        request_timeout=3000,
        strict_open_ai_compliance=True,
    )
    portkey.client(default_headers=headers).chat(ASK)
    kept = {
        "x-portkey-debug": "false",
        "x-portkey-span-id": "s",
        # Spelled as Portkey documents it: createHeaders writes the list as Python does.
        "x-portkey-sensitive-headers": "X-A,X-B",
        "x-portkey-beta": "b",
        "x-portkey-request-timeout": "3000",
        "x-portkey-strict-open-ai-compliance": "true",
    }
    assert kept.items() <= portkey.sent.items()


def test_any_header_for_portkey_selects_the_gateway() -> None:
    made = settings({"x-portkey-debug": "false"}, api_key=MISTRAL_KEY)
    assert (made.mode, made.gateway_url) == ("gateway", HOSTED)
    assert settings({"x-team": "a"}, api_key=MISTRAL_KEY).mode == "direct"
    with pytest.raises(ConfigurationError, match="x-portkey-\\* headers"):
        settings({"x-portkey-debug": "false"}, base_url="sandbox:")


@pytest.mark.parametrize(
    ("headers", "fields", "names"),
    [
        ({"x-portkey-provider": "@a"}, {"provider": "@b"}, ("provider=", "'x-portkey-provider'")),
        ({"x-portkey-virtual-key": SECRET}, {"virtual_key": "v"}, ("virtual_key=", "x-portkey-virtual-key")),
        ({"x-portkey-api-key": SECRET}, {"portkey_api_key": "pk"}, ("portkey_api_key=", "x-portkey-api-key")),
        ({"X-Portkey-Config": "pc-a"}, {"portkey_config": RETRY}, ("portkey_config=", "X-Portkey-Config")),
        ({"x-portkey-config": json.dumps(RETRY)}, {"config": "pc-a"}, ("portkey_config=", "x-portkey-config")),
        ({"x-portkey-trace-id": "a"}, {"trace_id": "b"}, ("trace_id=", "x-portkey-trace-id")),
        ({"x-portkey-metadata": '{"a": "1"}'}, {"portkey_metadata": {"a": "2"}}, ("portkey_metadata=",)),
        ({"x-portkey-cache-force-refresh": "false"}, {"cache_force_refresh": True}, ("cache_force_refresh=",)),
        ({"x-portkey-forward-headers": "a"}, {"forward_headers": ["b"]}, ("forward_headers=",)),
        ({"x-portkey-custom-host": "https://a.example/v1"}, {"gateway_url": OWN, "base_url": "https://b.example/v1"}, ("base_url=",)),
        ({"x-portkey-api-key": "pk", "x-portkey-provider": "mistral-ai", "Authorization": f"Bearer {SECRET}"}, {"api_key": "other"}, ("api_key=", "Authorization")),
        ({"x-portkey-provider": "@a", "X-Portkey-Provider": "@b"}, {}, ("'x-portkey-provider'", "'X-Portkey-Provider'")),
    ],
)  # fmt: skip
def test_a_contradiction_names_both(
    headers: dict[str, str], fields: dict[str, Any], names: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(headers, **fields)
    assert "default_headers" in str(caught.value)
    assert all(name in str(caught.value) for name in names)
    assert SECRET not in f"{caught.value!s}{caught.value.__context__!r}"


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({"x-portkey-provider": "@a"}, {"provider": "@a"}),
        ({"x-portkey-api-key": "pk"}, {"portkey_api_key": "pk"}),
        ({"x-portkey-config": json.dumps(RETRY)}, {"portkey_config": RETRY}),
        ({"x-portkey-forward-headers": "['X-A']"}, {"forward_headers": ["x-a"]}),
    ],
)
def test_equal_values_are_not_a_contradiction(
    headers: dict[str, str], fields: dict[str, Any]
) -> None:
    assert settings(headers, **fields).mode == "gateway"


def test_headers_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTKEY_API_KEY", "of-the-environment")
    monkeypatch.setenv("PORTKEY_PROVIDER", "@env")
    made = settings(createHeaders(api_key="pk", provider="@m"))
    assert (plain(made.portkey_api_key), made.provider) == ("pk", "@m")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x-portkey-config": "portkey.json"}, "must be the JSON of a config"),
        ({"x-portkey-config": '{"retries": '}, "Invalid JSON"),
        ({"x-portkey-config": '{"targets": ' * 10_000}, "Invalid JSON"),
        ({"x-portkey-metadata": "[" * 10_000}, "Invalid JSON"),
        ({"x-portkey-config": '{"provider": "mistral"}'}, "did you mean 'mistral-ai'"),
        ({"x-portkey-metadata": "ada"}, "must be a JSON object"),
        ({"x-portkey-cache-force-refresh": "yes"}, "must be 'true' or 'false'"),
        ({"x-portkey-custom-host": "llm.example"}, "base_url must start with"),
        ({"x-portkey-provider": "mistral"}, "did you mean 'mistral-ai'"),
    ],
)
def test_a_value_that_portkey_does_not_accept_is_rejected(
    headers: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(headers)
    assert words in str(caught.value)


def test_headers_of_the_wrong_type_are_explained() -> None:
    for headers in ([("x-portkey-provider", "@a")], {"x-portkey-provider": 3}):
        with pytest.raises(ConfigurationError, match="default_headers"):
            settings(headers)  # type: ignore[arg-type]


# --- keys -----------------------------------------------------------------------------------------------


def test_an_authorization_is_the_providers_key_beside_a_portkey_key(portkey: Portkey) -> None:
    headers = createHeaders(api_key="pk", provider="mistral-ai", Authorization=MISTRAL_KEY)
    client = portkey.client(default_headers=headers)
    assert plain(client.settings.api_key) == MISTRAL_KEY
    client.chat(ASK)
    assert routing_headers(portkey.sent) == {
        "x-portkey-provider": "mistral-ai",
        "authorization": f"Bearer {MISTRAL_KEY}",
    }


def test_an_authorization_is_the_portkey_key_where_hosted_has_no_other() -> None:
    made = settings({"Authorization": "Bearer pk", "x-portkey-provider": "@m"})
    assert (plain(made.portkey_api_key), made.api_key) == ("pk", None)


def test_an_authorization_is_the_providers_key_for_the_open_source_gateway() -> None:
    headers = {"Authorization": f"Bearer {MISTRAL_KEY}", "x-portkey-provider": "mistral-ai"}
    made = settings(headers, base_url=OWN)
    assert (plain(made.api_key), made.portkey_api_key) == (MISTRAL_KEY, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer of-a-proxy", "x-portkey-virtual-key": "v"},
        {"Authorization": "Basic dTpw", "x-portkey-provider": "mistral-ai"},
    ],
)
def test_another_authorization_header_stays(headers: dict[str, str], portkey: Portkey) -> None:
    portkey.client(default_headers=headers, portkey_api_key="pk").chat(ASK)
    assert portkey.sent["authorization"] == headers["Authorization"]


OF_A_PROXY = {"Authorization": "Bearer of-a-proxy", "x-portkey-debug": "false"}


@pytest.mark.parametrize("stored", [{"virtual_key": "v"}, {"provider": "@m"}])
@pytest.mark.parametrize(
    ("fields", "options"),
    [({"default_headers": OF_A_PROXY}, None), ({}, CallOptions(headers=OF_A_PROXY))],
    ids=["constructor", "call"],
)
def test_an_authorization_beside_a_key_stored_at_portkey_stays(
    stored: dict[str, str], fields: dict[str, Any], options: CallOptions | None, portkey: Portkey
) -> None:
    portkey.client(portkey_api_key="pk", **stored, **fields).chat(ASK, options)
    assert portkey.sent["authorization"] == OF_A_PROXY["Authorization"]


@pytest.mark.parametrize(
    "headers",
    [
        created(api_key="pk", provider="@m"),
        created(api_key="pk", virtual_key="v"),
        created(api_key="pk", config="pc-a"),
    ],
    indirect=True,
)
def test_a_placeholder_api_key_is_ignored(headers: dict[str, str], portkey: Portkey) -> None:
    portkey.client(default_headers=headers, api_key="X").chat(ASK)
    assert "authorization" not in portkey.sent


def test_contradicting_arguments_remain_an_error() -> None:
    with pytest.raises(ConfigurationError, match="Pass only one of them"):
        settings({"x-portkey-debug": "false"}, api_key="k", virtual_key="v")


# --- where the gateway is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "environ", "expected"),
    [
        ({"base_url": HOSTED}, {}, (HOSTED, None)),
        ({"base_url": "https://api.portkey.ai"}, {}, (HOSTED, None)),
        ({"base_url": "https://aigw.portkey.ai/v1"}, {}, ("https://aigw.portkey.ai/v1", None)),
        ({"base_url": OWN}, {"PORTKEY_GATEWAY_URL": "http://localhost:8787"}, (OWN, None)),
        ({"base_url": f"{OWN}/"}, {"PORTKEY_BASE_URL": OWN}, (OWN, None)),
        ({"base_url": OWN}, {}, (None, OWN)),
        ({}, {"MISTRAL_BASE_URL": HOSTED}, (HOSTED, None)),
        ({"base_url": OWN, "default_headers": {"x-portkey-provider": "@m"}}, {}, (OWN, None)),
        ({"base_url": OWN, "default_headers": {"x-portkey-custom-host": "https://l.example/v1"}}, {}, (OWN, "https://l.example/v1")),
        # Arguments of our own select the gateway: base_url is the target's host, as ever.
        ({"base_url": OWN, "portkey_api_key": "pk", "default_headers": {"x-portkey-debug": "false"}}, {}, (HOSTED, OWN)),
        ({"base_url": "https://api.mistral.ai/v1", "default_headers": {"x-portkey-provider": "@m"}}, {}, (HOSTED, None)),
        ({"base_url": "https://api.eu.mistral.ai/v1", "default_headers": {"x-portkey-provider": "@m"}}, {}, (HOSTED, "https://api.eu.mistral.ai/v1")),
        ({"base_url": HOSTED, "gateway_url": OWN}, {}, (OWN, HOSTED)),
    ],
)  # fmt: skip
def test_a_portkey_url_as_base_url_selects_the_gateway(
    fields: dict[str, Any],
    environ: dict[str, str],
    expected: tuple[str | None, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made = ConnectionSettings(**fields)
    assert (made.gateway_url, made.base_url) == expected


def test_api_key_is_the_portkey_key_if_base_url_is_portkeys(portkey: Portkey) -> None:
    portkey.client(base_url=HOSTED, api_key="pk").chat(ASK)
    assert portkey.sent["x-portkey-api-key"] == "pk"
    assert routing_headers(portkey.sent) == {}


@pytest.mark.parametrize("environ", [{"PORTKEY_API_KEY": "pk"}, {}])
def test_the_portkey_key_given_as_both_keys_is_sent_once(
    environ: dict[str, str], portkey: Portkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    given = {} if environ else {"default_headers": createHeaders(api_key="pk")}
    portkey.client(base_url=HOSTED, api_key="pk", **given).chat(ASK)
    assert portkey.sent["x-portkey-api-key"] == "pk"
    assert routing_headers(portkey.sent) == {}


def test_a_rebuilt_object_keeps_its_mode_where_the_environment_names_its_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = ConnectionSettings(base_url=OWN)
    monkeypatch.setenv("PORTKEY_GATEWAY_URL", OWN)
    fields = {name: getattr(made, name) for name in ConnectionSettings.model_fields}
    assert ConnectionSettings(**fields).mode == made.mode == "direct"


def test_an_object_configured_by_headers_is_rebuilt_unchanged(portkey: Portkey) -> None:
    headers = createHeaders(api_key="pk", provider="@m", config=RETRY, debug=False)
    made = settings(headers, api_key="X")
    fields = {name: getattr(made, name) for name in ConnectionSettings.model_fields}
    again = [ConnectionSettings(**fields), pickle.loads(pickle.dumps(made))]
    for each in again:
        assert (each.mode, each.provider, each.portkey_config) == ("gateway", "@m", made.portkey_config)  # fmt: skip
        assert each.default_headers == {"x-portkey-debug": "false"}
        assert each.api_key is None


def test_keys_in_headers_are_not_shown() -> None:
    config = {"provider": "mistral-ai", "api_key": SECRET}
    made = settings(createHeaders(api_key=SECRET, virtual_key=SECRET, config=config))
    for text in (repr(made), str(made.model_dump()), made.model_dump_json()):
        assert SECRET not in text


# --- per call -------------------------------------------------------------------------------------------


def call(portkey: Portkey, headers: dict[str, str], /, **options: Any) -> None:
    client = portkey.client(portkey_api_key="pk", provider="@a", trace_id="of-the-object")
    client.chat(ASK, CallOptions(headers=headers, **options))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-portkey-provider": "@b"}, {"x-portkey-provider": "@b"}),
        ({"x-portkey-virtual-key": "v"}, {"x-portkey-virtual-key": "v"}),
        ({"x-portkey-config": "pc-b"}, {"x-portkey-provider": "@a", "x-portkey-config": "pc-b"}),
        ({"x-portkey-config": json.dumps(RETRY)}, {"x-portkey-provider": "@a", "x-portkey-config": RETRY}),
        ({"x-portkey-custom-host": "https://l.example"}, {"x-portkey-provider": "@a", "x-portkey-custom-host": "https://l.example/v1"}),
        (
            created(provider="mistral-ai", Authorization=MISTRAL_KEY),
            {"x-portkey-provider": "mistral-ai", "authorization": f"Bearer {MISTRAL_KEY}"},
        ),
    ],
    indirect=["headers"],
)  # fmt: skip
def test_a_call_names_another_provider(
    headers: dict[str, str], expected: dict[str, Any], portkey: Portkey
) -> None:
    call(portkey, headers)
    assert routing_headers(portkey.sent) == expected
    assert portkey.sent["x-portkey-api-key"] == "pk"


def test_the_options_of_a_call_may_be_headers(portkey: Portkey) -> None:
    call(
        portkey,
        createHeaders(
            trace_id="t",
            metadata={"a": "1"},
            cache_namespace="n",
            forward_headers=["x-a"],
            debug=True,
        ),
    )
    expected = {
        "x-portkey-trace-id": "t",
        "x-portkey-metadata": '{"a":"1"}',
        "x-portkey-cache-namespace": "n",
        "x-portkey-forward-headers": "x-a",
        "x-portkey-debug": "true",
    }
    assert expected.items() <= portkey.sent.items()


def test_a_key_of_the_call_replaces_the_objects(portkey: Portkey) -> None:
    call(portkey, {"X-Portkey-Api-Key": "pk-of-the-call"})
    assert portkey.sent["x-portkey-api-key"] == "pk-of-the-call"


def test_a_header_and_an_option_of_a_call_contradict_each_other(portkey: Portkey) -> None:
    with pytest.raises(ConfigurationError, match="trace_id= and the header 'x-portkey-trace-id'"):
        call(portkey, {"x-portkey-trace-id": "a"}, trace_id="b")
    assert portkey.requests == []


def test_headers_that_are_assigned_later_are_read_too(portkey: Portkey) -> None:
    client = portkey.client(portkey_api_key="pk", provider="@a")
    client.settings.default_headers = {"x-portkey-provider": "@b", "x-team": "t"}
    client.chat(ASK)
    assert routing_headers(portkey.sent) == {"x-portkey-provider": "@b"}
    assert portkey.sent["x-team"] == "t"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-portkey-provider": "@b"},
        {"x-portkey-api-key": "pk"},
        {"x-portkey-virtual-key": "v"},
        {"x-portkey-config": "pc-a"},
        {"x-portkey-debug": "false"},
    ],
)
@pytest.mark.parametrize("fields", [{"api_key": "k"}, {"base_url": "sandbox:"}])
def test_headers_for_portkey_are_rejected_in_direct_mode(
    headers: dict[str, str], fields: dict[str, Any], portkey: Portkey
) -> None:
    with pytest.raises(ConfigurationError, match="gateway"):
        portkey.client(**fields).chat(ASK, CallOptions(headers=headers))
    assert portkey.requests == []


def test_arguments_valid_in_direct_mode_are_read_from_headers(portkey: Portkey) -> None:
    config = {"provider": "mistral-ai", "api_key": "of-the-config", **RETRY}
    headers = createHeaders(config=config, trace_id="t")
    portkey.client(api_key="k").chat(ASK, CallOptions(headers=headers))
    assert portkey.sent["authorization"] == "Bearer of-the-config"
    assert not [name for name in portkey.sent if name.startswith("x-portkey")]

"""The connection fields: names, aliases, errors without keys, and objects rebuilt from their own fields."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from portkey_mistral import MODEL_CONFIG, Client, Config, ConfigurationError, ConnectionSettings

KEY = "sk-do-not-show-me-1234567890"
CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [{"provider": "mistral-ai", "api_key": KEY}, {"provider": "openai", "api_key": KEY}],
}


@pytest.mark.parametrize(
    ("alias", "field", "value"),
    [
        ("mistral_api_key", "api_key", KEY),
        ("api_base", "base_url", "https://llm.example/v1"),
        ("endpoint", "base_url", "https://llm.example/v1"),
        ("config", "portkey_config", CONFIG),
        ("max_concurrent_requests", "max_concurrency", 3),
        ("async_http_client", "http_async_client", httpx.AsyncClient()),
    ],
)
def test_aliases(alias: str, field: str, value: Any) -> None:
    given, named = ConnectionSettings(**{alias: value}), ConnectionSettings(**{field: value})
    assert getattr(given, field) == getattr(named, field)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"mistral_apikey": KEY},
            "unknown argument 'mistral_apikey'; did you mean 'mistral_api_key'?",
        ),
        ({"tiemout": 3}, "did you mean 'timeout'?"),
        ({"api_key": 12345678901234567890}, "api_key: Input should be a valid string"),
        ({"api_key": KEY, "mistral_api_key": KEY}, "names of the same setting"),
        ({"portkey_config": {"provider": "mistral-ai", "apikey": KEY}}, "api_key"),
        ({"portkey_config": {"provider": "mistral-ai", "api_key": [KEY]}}, "config.api_key"),
        ({"portkey_config": {"strategy": {"mode": "fallbck"}, "targets": []}}, "fallback"),
        ({"portkey_config": "{not json"}, "JSON"),
        ({"gateway_lane": "fast"}, "gateway_lane: Input should be 'auto'"),
        ({"max_retries": -1}, "max_retries: Input should be greater than or equal to 0"),
        ({"idle_timeout": 0}, "idle_timeout"),
        ({"data_residency": "eu", "base_url": "https://api.mistral.ai/v1"}, "api.eu.mistral.ai"),
        ({"data_residency": "mars"}, "'eu'"),
    ],
)
def test_invalid_arguments_are_explained_without_keys(
    arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(Exception) as caught:
        ConnectionSettings(**arguments)
    assert type(caught.value).__module__ == "portkey_mistral.exceptions"
    assert words in str(caught.value)
    shown = (
        f"{caught.value!s}{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    )
    assert KEY not in shown
    assert "12345678901234567890" not in shown


def test_reprs_and_dumps_contain_no_key() -> None:
    settings = ConnectionSettings(
        api_key=KEY,
        portkey_config=CONFIG,
        default_headers={"x-team-key": KEY},
        proxy=f"http://u:{KEY}@p",
    )
    for text in (
        repr(settings),
        str(settings),
        str(settings.model_dump()),
        settings.model_dump_json(),
    ):
        assert KEY not in text
    assert KEY not in repr(Client.from_settings(settings))


REBUILT = [
    {"api_key": KEY},
    {"base_url": "sandbox:east"},
    {"api_key": KEY, "portkey_config": CONFIG, "timeout": httpx.Timeout(5.0)},
    {"portkey_api_key": KEY, "provider": "@team"},
    {"gateway_url": "http://localhost:8787/v1", "api_key": KEY, "base_url": "https://llm.example"},
    {"portkey_api_key": KEY, "portkey_config": "pc-abc"},
]


def by_fields(settings: ConnectionSettings) -> ConnectionSettings:
    return type(settings)(**{name: getattr(settings, name) for name in type(settings).model_fields})


def by_pickle(settings: ConnectionSettings) -> ConnectionSettings:
    return pickle.loads(pickle.dumps(settings))


@pytest.mark.parametrize("rebuild", [by_fields, by_pickle, copy.deepcopy])
@pytest.mark.parametrize("arguments", REBUILT)
def test_a_rebuilt_object_is_the_same(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], rebuild: Any
) -> None:
    settings = ConnectionSettings(**arguments)
    monkeypatch.setenv(
        "PORTKEY_API_KEY", "from-elsewhere"
    ) if settings.gateway_url is None else None
    again = rebuild(settings)
    assert (again.mode, again.base_url, again.gateway_url) == (
        settings.mode,
        settings.base_url,
        settings.gateway_url,
    )
    assert again.api_key == settings.api_key
    assert again.portkey_api_key == settings.portkey_api_key
    assert again.portkey_config == settings.portkey_config


@pytest.mark.parametrize("timeout", [None, 3.0, httpx.Timeout(5.0, read=None)])
def test_a_timeout_is_kept_and_none_waits_for_ever(timeout: Any) -> None:
    settings = ConnectionSettings(api_key=KEY, timeout=timeout)
    assert settings.timeout == timeout
    assert by_fields(settings).timeout == timeout


def test_each_class_must_repeat_the_config() -> None:
    """pydantic takes the last base's config: a framework's base would drop `extra="forbid"`."""

    class Framework(BaseModel):
        pass

    class Forgetful(ConnectionSettings, Framework):
        pass

    class Careful(ConnectionSettings, Framework):
        model_config = MODEL_CONFIG

    with pytest.raises(ConfigurationError, match="unknown argument"):
        Careful(tiemout=1)
    assert Careful.model_config["extra"] == "forbid"


def test_the_environment_fills_missing_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("MISTRAL_BASE_URL", "https://llm.example")
    monkeypatch.setenv("PORTKEY_CONFIG", '{"provider": "mistral-ai"}')
    settings = ConnectionSettings(base_url="https://other.example")
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    assert settings.base_url == "https://other.example/v1"
    assert isinstance(settings.portkey_config, Config)


def test_a_timeout_is_httpxs_whatever_openais_sdk_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK overwrites the `__module__` of the class, in every process that imports it."""
    monkeypatch.setattr(httpx.Timeout, "__module__", "openai")
    assert ConnectionSettings(timeout=httpx.Timeout(5.0)).timeout == httpx.Timeout(5.0)

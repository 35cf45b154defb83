"""`portkey-mistral doctor`: its findings, which never contain a key."""

from __future__ import annotations

from types import ModuleType

import httpx
import httpx2
import pytest
from rich.console import Console

from portkey_mistral import sandbox
from portkey_mistral.cli import doctor
from portkey_mistral.settings.environment import ENVIRONMENT

KEY = "m-very-secret"


def findings(area: str, **options: str | bool) -> list[tuple[str, str]]:
    found = doctor.examine(**options)  # type: ignore[arg-type]
    return [(finding.state, finding.text) for finding in found if finding.area == area]


def test_a_bare_machine_has_no_key() -> None:
    assert findings("environment") == [("note", "no MISTRAL_* or PORTKEY_* variable is set")]
    mode, key = findings("mode")
    assert mode == ("good", "direct to https://api.mistral.ai/v1")
    assert key[0] == "bad"
    assert "MISTRAL_API_KEY" in key[1]
    assert "sandbox:" in key[1]


TWO_TARGETS = (
    f'{{"strategy": {{"mode": "fallback"}}, "targets": [{{"provider": "mistral-ai", "api_key": "{KEY}"}}, '
    '{"provider": "openai"}]}'
)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PORTKEY_VIRTUAL_KEY": KEY}, "No Portkey key for api.portkey.ai. Set PORTKEY_API_KEY"),
        ({"PORTKEY_CONFIG": "pc-abc"}, "No Portkey key for api.portkey.ai. Set PORTKEY_API_KEY"),
        ({"PORTKEY_CONFIG": TWO_TARGETS}, "No API key for api.openai.com (config.targets[1])"),
    ],
)
def test_a_missing_key_is_reported_with_its_path(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, (state, text) = findings("mode")
    assert state == "bad"
    assert words in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({"MISTRAL_API_KEY": KEY}, "direct to https://api.mistral.ai/v1"),
        ({"MISTRAL_BASE_URL": "sandbox:"}, "to the embedded sandbox; nothing leaves this process"),
        (
            {"PORTKEY_API_KEY": KEY, "MISTRAL_API_KEY": "m-other-secret"},
            "through the Portkey gateway at https://api.portkey.ai/v1",
        ),
        (
            {"PORTKEY_GATEWAY_URL": "http://localhost:8787/v1", "MISTRAL_API_KEY": KEY},
            "through the Portkey gateway at http://localhost:8787/v1",
        ),
        (
            {"MISTRAL_API_KEY": KEY, "MISTRAL_DATA_RESIDENCY": "eu"},
            "direct to https://api.eu.mistral.ai/v1",
        ),
        (
            {"MISTRAL_API_KEY": KEY, "PORTKEY_CONFIG": '{"provider": "mistral-ai"}'},
            "direct to https://api.mistral.ai/v1, with a Portkey config",
        ),
        (
            {"PORTKEY_CONFIG": f'{{"provider": "mistral-ai", "api_key": "{KEY}"}}'},
            "direct to https://api.mistral.ai/v1, with a Portkey config",
        ),
        ({"MISTRAL_BASE_URL": "http://localhost:8000/v1"}, "direct to http://localhost:8000/v1"),
    ],
)
def test_the_mode_follows_the_environment(
    variables: dict[str, str], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert findings("mode") == [("good", mode)]
    assert findings("environment") == [("good", f"{name} is set") for name in in_order(variables)]


def in_order(variables: dict[str, str]) -> list[str]:
    return [name for names in ENVIRONMENT.values() for name in names if name in variables]


def test_settings_that_contradict_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("PORTKEY_CONFIG", '{"strategy": {"mode": "falback"}, "targets": []}')
    ((state, text),) = findings("mode")
    assert state == "bad"
    assert "fallback" in text


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (None, []),
        ("codestral-latest", [("good", "codestral-latest is codestral-2508, ga")]),
        (
            "open-mistral-nemo",
            [("bad", "open-mistral-nemo is open-mistral-nemo-2407, retired since 2026-07-31")],
        ),
        (
            "labs-leanstral-1-5",
            [("bad", "labs-leanstral-1-5 is labs-leanstral-1-5, retired since 2026-09-30")],
        ),
        ("brand-new", [("note", "brand-new is not in the model catalog; it is sent unchanged")]),
    ],
)
def test_models_are_looked_up(model: str | None, found: list[tuple[str, str]]) -> None:
    default, *others = findings("model", **({} if model is None else {"model": model}))
    assert default == ("good", "mistral-small-latest is mistral-small-2603, ga")
    assert others == found


def test_reach_makes_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:doctor")
    ((state, text),) = findings("network", call=True)
    assert state == "good"
    assert text.startswith("reachable: the service lists ")
    assert [exchange.path for exchange in sandbox.get("doctor").requests] == ["/v1/models"]


def test_an_unreachable_server_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:locked")
    sandbox.get("locked").fail(401, times=None)
    ((state, text),) = findings("network", call=True)
    assert state == "bad"
    assert "MISTRAL_API_KEY" in text or "key" in text


def test_no_key_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MISTRAL_API_KEY", "PORTKEY_API_KEY", "PORTKEY_VIRTUAL_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("MISTRAL_BASE_URL", f"https://user:{KEY}@example.com/v1")
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        doctor.show_findings(console, doctor.examine())
    assert "MISTRAL_API_KEY is set" in capture.get()
    assert KEY not in capture.get()


# --- what carries calls -------------------------------------------------------------------------


def test_the_http_libraries_are_reported() -> None:
    assert findings("transport") == [
        ("good", "sync calls go over urllib3"),
        ("good", "async calls go over aiohttp"),
    ]


@pytest.mark.parametrize(
    ("variables", "states", "words"),
    [
        ({"PORTKEY_MISTRAL_TRANSPORT": "httpx"}, "note", "over httpx, because transport='httpx'"),
        (
            {"ALL_PROXY": f"socks5://me:{KEY}@127.0.0.1:9"},
            "note",
            "over httpx and through a proxy, because the proxy speaks SOCKS",
        ),
        ({"HTTPS_PROXY": f"http://me:{KEY}@127.0.0.1:9"}, "good", "and through a proxy"),
    ],
)
def test_the_reason_for_another_http_library_is_reported(
    variables: dict[str, str], states: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = findings("transport")
    assert [state for state, _ in found] == [states] * 2
    for _, text in found:
        assert words in text
        assert KEY not in text


def test_a_patched_httpx_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx.Client, "send", lambda *_: None)
    assert findings("transport") == [
        ("note", "sync calls go over httpx, because httpx is patched or instrumented"),
        ("good", "async calls go over aiohttp"),
    ]


@pytest.mark.parametrize(
    ("cls", "method", "kind"), [("Client", "send", "sync"), ("AsyncClient", "send", "async")]
)
@pytest.mark.parametrize("library", [httpx, httpx2])
def test_each_patched_library_has_a_cure(
    library: ModuleType, cls: str, method: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getattr(library, cls), method, lambda *_: None)
    (found,) = (each for each in doctor.examine() if "patched" in each.text)
    assert found.text.startswith(f"{kind} calls go over {library.__name__}")
    assert "remove the patch" in found.cure


def test_the_sandbox_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    assert findings("transport") == []

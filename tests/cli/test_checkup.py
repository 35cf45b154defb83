"""`portkey-mistral doctor`: what it finds, and that it never shows a key."""

from __future__ import annotations

import pytest
from rich.console import Console

from portkey_mistral import sandbox
from portkey_mistral.cli import checkup
from portkey_mistral.ways import ENVIRONMENT

KEY = "sk-very-secret"


def findings(area: str, **options: str | bool) -> list[tuple[str, str]]:
    found = checkup.examine(**options)  # type: ignore[arg-type]
    return [(finding.state, finding.text) for finding in found if finding.area == area]


def test_a_bare_machine_has_no_key() -> None:
    assert findings("environment") == [("note", "no MISTRAL_* or PORTKEY_* variable is set")]
    way, key = findings("way")
    assert way == ("good", "direct to https://api.mistral.ai/v1")
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
def test_a_missing_key_is_named_with_its_place(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, (state, text) = findings("way")
    assert state == "bad"
    assert words in text
    assert KEY not in text


@pytest.mark.parametrize(
    ("variables", "way"),
    [
        ({"MISTRAL_API_KEY": KEY}, "direct to https://api.mistral.ai/v1"),
        ({"MISTRAL_BASE_URL": "sandbox:"}, "to the embedded sandbox; nothing leaves this process"),
        (
            {"PORTKEY_API_KEY": KEY, "MISTRAL_API_KEY": KEY},
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
            "direct to https://api.mistral.ai/v1, by a Portkey config",
        ),
        (
            {"PORTKEY_CONFIG": f'{{"provider": "mistral-ai", "api_key": "{KEY}"}}'},
            "direct to https://api.mistral.ai/v1, by a Portkey config",
        ),
        ({"MISTRAL_BASE_URL": "http://localhost:8000/v1"}, "direct to http://localhost:8000/v1"),
    ],
)
def test_the_way_follows_the_environment(
    variables: dict[str, str], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert findings("way") == [("good", way)]
    assert findings("environment") == [("good", f"{name} is set") for name in in_order(variables)]


def in_order(variables: dict[str, str]) -> list[str]:
    return [name for names in ENVIRONMENT.values() for name in names if name in variables]


def test_settings_that_contradict_are_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    monkeypatch.setenv("PORTKEY_CONFIG", '{"strategy": {"mode": "falback"}, "targets": []}')
    ((state, text),) = findings("way")
    assert state == "bad"
    assert "fallback" in text


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (None, []),
        ("codestral-latest", [("good", "codestral-latest is codestral-2508, ga")]),
        (
            "open-mistral-nemo",
            [
                (
                    "note",
                    (
                        "open-mistral-nemo is open-mistral-nemo-2407, retired since 2026-07-31; "
                        "use ministral-8b-2512"
                    ),
                )
            ],
        ),
        (
            "labs-leanstral-1-5",
            [
                (
                    "note",
                    (
                        "labs-leanstral-1-5 is labs-leanstral-1-5, retired since 2026-09-30; "
                        "no replacement is named"
                    ),
                )
            ],
        ),
        ("brand-new", [("note", "brand-new is not in the table; it is sent as it is")]),
    ],
)
def test_models_are_looked_up(model: str | None, found: list[tuple[str, str]]) -> None:
    default, *others = findings("model", **({} if model is None else {"model": model}))
    assert default == ("good", "mistral-small-latest is mistral-small-2603, ga")
    assert others == found


def test_reach_makes_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:doctor")
    ((state, text),) = findings("network", reach=True)
    assert state == "good"
    assert text.startswith("reached: the service lists ")
    assert [exchange.path for exchange in sandbox.get("doctor").requests] == ["/v1/models"]


def test_what_cannot_be_reached_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:locked")
    sandbox.get("locked").fail(401, times=None)
    ((state, text),) = findings("network", reach=True)
    assert state == "bad"
    assert "MISTRAL_API_KEY" in text or "key" in text


def test_versions_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_PACKAGES", ("pydantic", "no-such-package"))
    python, pydantic, missing = findings("versions")
    assert python[1].startswith("Python 3.")
    assert pydantic[1].startswith("pydantic 2.")
    assert missing == ("note", "no-such-package is not installed")


def test_no_key_is_ever_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MISTRAL_API_KEY", "PORTKEY_API_KEY", "PORTKEY_VIRTUAL_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("MISTRAL_BASE_URL", f"https://user:{KEY}@example.com/v1")
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        checkup.show(console, checkup.examine())
    assert "MISTRAL_API_KEY is set" in capture.get()
    assert KEY not in capture.get()

"""Every form of a config is parsed to the same value; others are rejected."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from portkey_configs import KEY
from portkey_mistral.config import (
    Config,
    Target,
)
from portkey_mistral.exceptions import ConfigurationError


def only(config: dict[str, Any]) -> Target:
    (target,) = Config.parse(config).targets()
    return target


SMALL = {"provider": "openai", "api_key": KEY}


def test_every_form_gives_the_same_config(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(SMALL), encoding="utf-8-sig")
    parsed = Config.parse(SMALL)
    for form in (json.dumps(SMALL), f"\n {json.dumps(SMALL)} ", file, str(file), parsed):
        assert Config.parse(form) == parsed


def test_a_slug() -> None:
    config = Config.parse(" pc-fallback-12_ab ")
    assert config.slug == "pc-fallback-12_ab"
    assert config.root is None
    assert config.targets() == ()
    with pytest.raises(ConfigurationError, match="stored at Portkey"):
        config.to_dict()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            None,
            "must be a mapping, JSON text, the path of a file, a Config or a slug .*got NoneType",
        ),
        (3, "got int"),
        ([SMALL], "got list"),
        (KEY, f"string of {len(KEY)} characters that is neither JSON"),
        ("", "string of 0 characters"),
        ("x" * 5000, "string of 5000 characters"),
        ("no\0path", "neither JSON"),
        ("[1]", "must contain a JSON object"),
        ('"pc-1"', "must contain a JSON object"),
        ('{"provider": ', "Invalid JSON in the config's JSON text: EOF .* at line 1"),
        ('{"weight": NaN}', "Invalid JSON in the config's JSON text"),
        (Path("/no/such/file.json"), "'/no/such/file.json' cannot be read: No such file"),
    ],
)
def test_other_values_are_rejected(value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Config.parse(value)
    assert KEY not in str(caught.value)


def test_an_invalid_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text('{"api_key": "' + KEY + '",,}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.json.* line 1 column 41") as caught:
        Config.parse(file)
    assert KEY not in str(caught.value)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "picture.json"
    file.write_bytes(b"\x89\xff\x00")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        Config.parse(file)


def test_the_callers_objects_are_neither_changed_nor_shared() -> None:
    raw: dict[str, Any] = {"overrideParams": {"stop": ["a"]}, "retry": {"attempts": 1}}
    before = copy.deepcopy(raw)
    config = Config.parse(raw)
    raw["overrideParams"]["stop"].append("b")
    assert config.targets()[0].override_params == before["overrideParams"]
    config.to_dict()["override_params"]["stop"].append("c")
    assert config.to_dict() == Config.parse(before).to_dict()

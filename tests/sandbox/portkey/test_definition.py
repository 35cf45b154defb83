"""The file of an account: its keys, and its errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hosted_portkey import ACCOUNT, account
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox import portkey
from portkey_mistral.sandbox.portkey import load, parse


def message(**sections):
    with pytest.raises(ConfigurationError) as error:
        parse(account(**sections))
    return error.value.message


def test_json_and_yaml_are_equivalent(tmp_path):
    import yaml

    (tmp_path / "a.json").write_text(json.dumps(ACCOUNT))
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(ACCOUNT))
    assert load(tmp_path / "a.json") == load(str(tmp_path / "a.yaml")) == parse(ACCOUNT)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"provider": {}}, "did you mean 'providers'?"),
        ({"providers": {"a": {"provider": "mistral-ai", "modles": []}}}, "providers.a: unknown key 'modles'; did you mean 'models'?"),
        ({"configs": {"pc-a": {"targets": [{"overide_params": {}}]}}}, "configs.pc-a.targets[0]: unknown key 'overide_params'; did you mean 'override_params'?"),
        ({"configs": {"pc-a": {"mistral_fim_completion": "true"}}}, "configs.pc-a: unknown key 'mistral_fim_completion'"),
        ({"guardrails": {"pg-a": {"checks": {"default.jwt": {}}, "soft_deny_200": True}}}, "guardrails.pg-a: unknown key 'soft_deny_200'; known are checks, deny, async"),
        ({"guardrails": {"pg-a": {"checks": {}}}}, "guardrails.pg-a.checks: "),
        ({"configs": {"eu": {}}}, "configs.eu: 'eu' has to start with 'pc-'"),
        ({"guardrails": {"eu": {"checks": {"a": {}}}}}, "has to start with 'pg-'"),
        ({"providers": {"@eu": {"provider": "mistral-ai"}}}, "write it without '@' and '/'"),
        ({"providers": {"a": {"provider": "anthropic"}}}, "providers.a: provider 'anthropic' needs a custom_host"),
        ({"providers": {"a": {"provider": "openai", "usage_limits": {"type": "cost", "credit_limit": 1}}}}, "providers.a.usage_limits.type: Input should be 'tokens'"),
        ({"providers": {"a": {"provider": "openai", "rate_limits": [{"unit": "minute", "value": 1}]}}}, "providers.a.rate_limits[0].unit: Input should be 'rps', 'rpm'"),
        ({"providers": {"a": {"provider": "openai", "faults": [{"statsu": 500}]}}}, "providers.a.faults[0].fault.statsu: "),
        ({"configs": {"pc-a": {"retry": {"attempts": 9}}}}, "configs.pc-a.retry.attempts: "),
        ({"prompts": {"pp-a": {"provider": "m", "model": "m", "messages": [{"role": "user", "content": "{{#each}}"}]}}}, "the stand-in renders {{variables}} only"),
        ({"keys": {"pk-secret-key-1": {"scope": []}}}, "keys.pk********y-1: unknown key 'scope'; did you mean 'scopes'?"),
    ],
)  # fmt: skip
def test_errors_name_the_path(sections, expected):
    assert expected in message(**sections)


def test_an_error_shows_no_key():
    shown = message(
        keys={"pk-secret-key-1": {"expired": "never"}},
        providers={"a": {"provider": "openai", "api_key": ["sk-secret"]}},
    )
    assert "secret" not in shown


def test_an_account_shows_no_key():
    assert "sk-m" not in repr(parse(ACCOUNT))
    assert "'pk'" not in repr(parse(ACCOUNT))


def test_an_account_needs_a_key():
    with pytest.raises(ConfigurationError, match="keys"):
        parse({"keys": {}})


def test_faults_are_those_of_the_sandbox():
    faults = [{"status": 503, "times": 2}, {"cut_after": 1, "on": "/chat/completions"}]
    providers = {"a": {"provider": "mistral-ai", "faults": faults}}
    first, second = parse(account(providers=providers)).providers["a"].faults
    assert (first.fault.status, first.times) == (503, 2)
    assert (second.fault.cut_after, second.times) == (1, None)


def test_a_saved_config_stays_as_it_was_written():
    config = {
        "strategy": {"mode": "loadbalance"},
        "targets": [
            {"provider": "@a", "weight": 1},
            {"virtual_key": "b", "retry": {"attempts": 0}},
        ],
    }
    assert parse(account(configs={"pc-a": config})).configs["pc-a"].as_json() == config


def test_what_has_no_effect_is_named():
    leaf = {"provider": "@mistral-prod", "cache": {"mode": "simple"}}
    sticky = {"enabled": True, "hash_fields": ["metadata.user"]}
    config = {"strategy": {"mode": "loadbalance", "sticky": sticky}, "targets": [leaf]}
    assert parse(account(configs={"pc-a": config})).unsupported_settings() == [
        "configs.pc-a.strategy.sticky",
        "configs.pc-a.targets[0].cache",
    ]
    assert parse(ACCOUNT).unsupported_settings() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.json", "{"), ("a.yaml", "keys: ["), ("a.json", "[]"), ("a.yaml", ""), ("a.yaml", "- a")],
)
def test_a_file_that_is_none(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError, match=name):
        load(tmp_path / name)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "a.json")


def test_without_pyyaml_a_file_is_written_in_json(tmp_path):
    (tmp_path / "yaml.py").write_text("raise ImportError('no yaml')")
    (tmp_path / "a.yaml").write_text("keys: {pk: {}}")
    (tmp_path / "a.json").write_text('{"keys": {"pk": {}}}')
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from portkey_mistral.sandbox.portkey import load\n"
        "print(len(load(sys.argv[1] + '/a.json').keys))\n"
        "try: load(sys.argv[1] + '/a.yaml')\n"
        "except Exception as error: print(error)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    assert out.splitlines()[0] == "1"
    assert "pip install pyyaml" in out
    assert "in JSON" in out


def test_public_names():
    assert {name for name in vars(portkey) if name in portkey.__all__} == set(portkey.__all__)

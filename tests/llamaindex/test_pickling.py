"""Copies: pickled, deep, rebuilt from a dump, with one field changed."""

from __future__ import annotations

import copy
import pickle
import ssl
import subprocess
import sys

import httpx
import pytest

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding

KEY = "sk-the-key-that-nobody-may-see"
OTHER = "sk-another"
CLASSES = (PortkeyMistral, PortkeyMistralEmbedding)
MODES = {
    "direct": {"api_key": KEY},
    "host": {"api_key": KEY, "base_url": "http://localhost:9/v1", "timeout": 3.0},
    "sandbox": {"base_url": "sandbox:"},
    "gateway": {"api_key": KEY, "gateway_url": "http://localhost:9/v1", "trace_id": "t"},
    "hosted": {"portkey_api_key": KEY, "portkey_config": "pc-slug"},
    "virtual": {"portkey_api_key": KEY, "virtual_key": "vk-hidden"},
    "config": {
        "portkey_config": {
            "strategy": {"mode": "fallback"},
            "targets": [
                {"provider": "mistral-ai", "api_key": KEY},
                {"provider": "mistral-ai", "api_key": OTHER, "override_params": {"model": "m"}},
            ],
        }
    },
}
ENVIRONMENTS = (
    {},
    {"PORTKEY_API_KEY": "pk-env", "PORTKEY_CONFIG": "pc-env"},
    {"MISTRAL_BASE_URL": "http://env:1/v1", "MISTRAL_API_KEY": "mk-env"},
)


CONNECTION = ("mode", "base_url", "gateway_url", "portkey_config", "provider", "timeout")
KEYS = ("api_key", "portkey_api_key", "virtual_key")
COPIES = (copy.deepcopy, copy.copy, lambda each: pickle.loads(pickle.dumps(each)))


@pytest.mark.parametrize("fields", MODES.values(), ids=MODES)
@pytest.mark.parametrize("cls", CLASSES)
def test_a_copy_has_the_same_mode_and_keys_whatever_the_environment(monkeypatch, cls, fields):
    original = cls(**fields)
    for environment in ENVIRONMENTS:
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            copies = [copied(original) for copied in COPIES]
        for each in copies:
            for name in (*CONNECTION, *KEYS):
                assert getattr(each, name) == getattr(original, name)
            assert each.model_dump() == original.model_dump()


@pytest.mark.parametrize("fields", MODES.values(), ids=MODES)
@pytest.mark.parametrize("cls", CLASSES)
def test_a_dump_has_no_key_and_rebuilds_the_same_mode(cls, fields):
    made = cls(**fields)
    for text in (made.to_dict(), made.to_json(), made.model_dump(), repr(made), str(made)):
        assert not any(key in str(text) for key in (KEY, OTHER, "vk-hidden"))
    secrets = {
        k: v for k, v in fields.items() if k in ("api_key", "portkey_api_key", "virtual_key")
    }
    again = cls.from_dict(made.to_dict(), **secrets)
    assert again.mode == made.mode
    assert (again.base_url, again.gateway_url) == (made.base_url, made.gateway_url)
    assert cls.from_json(made.to_json(), **secrets).mode == made.mode


def test_a_changed_key_and_url_are_used(llm, mistral_sandbox, mistral_sandbox_url):
    other = mistral_sandbox_url.replace("/v1", "/s/other/v1")
    changed = PortkeyMistral.from_dict(llm.to_dict(), api_key=OTHER, base_url=other)
    copied = llm.model_copy(update={"base_url": other})
    assert changed.complete("Hi").text
    assert copied.complete("Hi").text
    assert mistral_sandbox.requests == []
    llm.api_key = changed.api_key
    llm.complete("Hi")
    assert mistral_sandbox.requests[0].headers["authorization"] == f"Bearer {OTHER}"


@pytest.mark.parametrize("rebuild", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_works(llm, embedding, rebuild):
    llm.complete("Hi")
    assert rebuild(llm).complete("Hi").text
    assert len(rebuild(embedding).get_text_embedding("Hi")) == 1024


@pytest.mark.parametrize("cls", CLASSES)
def test_unpicklable_fields_are_left_out_of_the_copy_only(cls, caplog):
    client = httpx.Client()
    made = cls(api_key=KEY, http_client=client, ssl_context=ssl.create_default_context())

    again = pickle.loads(pickle.dumps(made))
    twin = copy.deepcopy(made)

    assert (again.http_client, again.ssl_context) == (None, None)
    assert "http_client cannot be pickled and is left out" in caplog.text
    assert made.http_client is client
    assert twin.http_client is client
    client.close()


SCRIPT = """
import pickle, sys
llm = pickle.loads(sys.stdin.buffer.read())
print(llm.complete("Hi").text)
"""


def test_a_worker_process_can_use_it(llm):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=pickle.dumps(llm), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip()

import json

import pytest
from pydantic import SecretStr

from portkey_mistral._wire.direct import direct_request
from portkey_mistral.config import Target
from portkey_mistral.exceptions import ConfigurationError

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HOST = "https://api.mistral.ai/v1"


def request(target=None, operation="chat", body=BODY, *, stream=False, key="sk", headers=None):
    return direct_request(
        body,
        target or Target(),
        operation,
        stream=stream,
        default_host=HOST,
        default_key=key,
        headers=headers or {},
    )


@pytest.mark.parametrize(
    ("operation", "body", "path"),
    [
        ("chat", BODY, "/chat/completions"),
        ("fim", {"model": "m", "prompt": "p"}, "/fim/completions"),
        ("embed", {"model": "m", "input": ["a"]}, "/embeddings"),
        ("moderate", {"model": "m", "input": ["a"]}, "/moderations"),
        ("moderate", {"model": "m", "input": [{"role": "user"}]}, "/chat/moderations"),
    ],
)
def test_paths(operation, body, path):
    sent = request(operation=operation, body=body)
    assert (sent.method, sent.url) == ("POST", HOST + path)
    assert json.loads(sent.body) == body
    assert sent.headers == {
        "accept": "application/json",
        "content-type": "application/json",
        "authorization": "Bearer sk",
    }


def test_the_list_of_models_is_requested_without_a_body():
    sent = request(operation="models", body={})
    assert (sent.method, sent.url, sent.body) == ("GET", HOST + "/models", None)
    assert "content-type" not in sent.headers


def test_a_streaming_request_sets_stream():
    assert request(stream=True).headers["accept"] == "text/event-stream"


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (Target(custom_host="http://localhost:8000/v1/"), "http://localhost:8000/v1"),
        (Target(provider="openai"), "https://api.openai.com/v1"),
        (Target(provider="openai", custom_host="http://localhost:1/v1"), "http://localhost:1/v1"),
        (Target(provider="ollama", custom_host="http://localhost:11434/v1"),
         "http://localhost:11434/v1"),
        (Target(custom_host="sandbox:second"), "sandbox:second"),
    ],
)  # fmt: skip
def test_hosts(target, url):
    assert request(target).url == url + "/chat/completions"


def test_other_providers_need_a_host():
    target = Target(path="config.targets[1]", provider="anthropic")
    with pytest.raises(ConfigurationError, match=r"config.targets\[1\].*custom_host"):
        request(target)


@pytest.mark.parametrize(
    ("target", "key", "sent"),
    [
        (Target(), "sk", "Bearer sk"),
        (Target(), None, None),
        (Target(api_key=SecretStr("own")), "sk", "Bearer own"),
        (Target(provider="openai"), "sk", None),
        (Target(provider="openai", api_key=SecretStr("own")), "sk", "Bearer own"),
        (Target(provider="ollama", custom_host="http://localhost:1"), "sk", None),
    ],
)
def test_a_key_goes_only_where_it_belongs(target, key, sent):
    assert request(target, key=key).headers.get("authorization") == sent


def test_the_users_headers_go_along_below_the_targets_key():
    headers = {"x-team": "a", "authorization": "Bearer mine", "accept": "x/y"}
    sent = request(headers=headers).headers
    assert (sent["x-team"], sent["authorization"], sent["accept"]) == ("a", "Bearer sk", "x/y")
    assert request(headers=headers, key=None).headers["authorization"] == "Bearer mine"


def test_overrides_are_merged_and_spelled_in_the_targets_dialect():
    body = {**BODY, "random_seed": 1, "safe_prompt": True}
    target = Target(provider="openai", override_params={"model": "gpt-4o-mini"})
    sent = request(target, body=body)
    assert json.loads(sent.body) == {**BODY, "model": "gpt-4o-mini", "seed": 1}
    assert sent.lost == ("safe_prompt",)


def test_a_target_flagged_for_fim_gets_everything_there():
    sent = request(
        Target(mistral_fim_completion=True), operation="fim", body={"model": "m", "prompt": "p"}
    )
    assert sent.url.endswith("/fim/completions")

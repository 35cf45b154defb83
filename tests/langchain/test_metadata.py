"""What LangChain's traces and middleware learn about a model and its answers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from langchain_core.messages.block_translators import get_translator

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralFIM, __version__
from langchain_portkey_mistral._metadata import sum_token_usage, token_usage
from portkey_mistral.responses import Usage
from scripted import answer, network


def test_the_provider_has_one_name_for_messages_and_middleware() -> None:
    wire = network(answer("A"))
    chat = ChatPortkeyMistral(api_key="k", base_url="https://mistral.test", **wire.clients)
    provider = chat.invoke("go").response_metadata["model_provider"]
    assert chat._get_ls_params()["ls_provider"] == provider == "portkey-mistral"
    assert get_translator(provider) is not None


def test_tracing_parameters_reflect_the_call() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", model="a", temperature=1, max_tokens=5, stop="x")
    assert chat._get_ls_params() == {
        "ls_provider": "portkey-mistral",
        "ls_model_type": "chat",
        "ls_model_name": "a",
        "ls_temperature": 1,
        "ls_max_tokens": 5,
        "ls_stop": ["x"],
    }
    overridden = chat._get_ls_params(stop=["y"], model="b", temperature=0.5, max_tokens=6)
    assert (overridden["ls_model_name"], overridden["ls_temperature"]) == ("b", 0.5)
    assert (overridden["ls_max_tokens"], overridden["ls_stop"]) == (6, ["y"])


def test_the_version_is_recorded() -> None:
    metadata = ChatPortkeyMistral(base_url="sandbox:").metadata
    assert metadata is not None
    assert metadata["lc_versions"]["portkey-mistral"] == __version__


def test_tracers_get_the_name_that_they_know_the_provider_by() -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", model="a")
    assert chat._get_ls_params_with_defaults() == {
        **chat._get_ls_params(),
        "ls_provider": "mistralai",
        "ls_integration": "langchain_chat_model",
    }


@pytest.mark.parametrize("cls", [ChatPortkeyMistral, PortkeyMistralFIM])
def test_what_tracers_get_of_the_object_names_its_parameters(
    cls: type[ChatPortkeyMistral | PortkeyMistralFIM],
) -> None:
    config = {"provider": "mistral-ai", "api_key": "sk-secret"}
    described = cls(
        model="a", temperature=0.5, stop="x", api_key="sk-secret", portkey_config=config
    )._serialized
    assert described["id"][-1] == cls.__name__
    assert described["type"] == "not_implemented"
    assert {"model": "a", "temperature": 0.5, "stop_sequences": "x"}.items() <= described[
        "kwargs"
    ].items()
    assert "sk-secret" not in repr(described)
    assert json.dumps(described)


DETAILS = {"cached_tokens": 4, "reasoning_tokens": 2, "prompt_audio_tokens": 1}


def test_token_usage_has_the_details_that_were_reported() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert token_usage(None) == {}
    assert token_usage(usage) == counts
    assert token_usage(replace(usage, **DETAILS)) == {
        **counts,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_token_usage_of_several_calls_is_added_with_its_details() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    outputs = [
        {"model_name": "a", "token_usage": token_usage(each)}
        for each in (usage, replace(usage, **DETAILS), replace(usage, **DETAILS))
    ]
    assert sum_token_usage([None, *outputs])["token_usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 15,
        "total_tokens": 45,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


def test_adding_token_usage_leaves_that_of_each_call_as_it_was() -> None:
    usage = replace(Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15), **DETAILS)
    outputs = [{"model_name": "a", "token_usage": token_usage(usage)} for _ in range(2)]
    for total in (sum_token_usage(outputs[:1]), sum_token_usage(outputs)):
        total["token_usage"]["total_tokens"] = 0
    assert [output["token_usage"] for output in outputs] == [token_usage(usage)] * 2

"""Names that users bring from other packages are accepted, or answered with the name here or why there is none."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from portkey_mistral import Client
from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError
from portkey_mistral.settings.arguments import argument_names
from portkey_mistral.settings.peer_arguments import explain_peer_argument

CHATS = (ChatPortkeyMistral, PortkeyMistral)
CLASSES = (*CHATS, PortkeyMistralFIM, PortkeyMistralEmbeddings, PortkeyMistralEmbedding)

# The arguments of each package's classes that their documentation shows, beside those that are fields here.
PEERS: dict[str, str] = {
    "ChatMistralAI": "client async_client",
    "ChatOpenAI": "openai_api_key openai_api_base openai_organization organization openai_proxy request_timeout "
    "stream_usage stream_options default_query extra_query include_response_headers disabled_params "
    "use_responses_api store truncation verbosity logit_bias reasoning include http_socket_options "
    "stream_chunk_timeout tiktoken_model_name user modalities root_client root_async_client context_management "
    "prompt_cache_options prompt_cache_retention safety_identifier web_search_options",
    "AzureChatOpenAI": "azure_endpoint azure_deployment deployment_name api_version openai_api_version "
    "azure_ad_token azure_ad_token_provider azure_ad_async_token_provider openai_api_type model_version validate_base_url",
    "LiteLLM": "custom_llm_provider num_retries fallbacks context_window_fallbacks extra_headers drop_params "
    "api_version request_timeout input_cost_per_token mock_response aws_region_name vertex_project "
    "azure_api_key",
    "portkey-ai": "custom_host Authorization request_timeout strict_open_ai_compliance instrumentation debug "
    "aws_access_key_id vertex_region azure_resource_name openai_project mistral_fim_completion cache retry",
    "llama-index MistralAI": "azure_endpoint azure_api_key show_thinking",
    "OpenAILike": "is_chat_model reuse_client api_version tokenizer openai_client "
    "async_openai_client audio_config modalities model_kwargs",
    "embeddings": "tokenizer wait_time chunk_size check_embedding_ctx_length embedding_ctx_length deployment "
    "tiktoken_enabled skip_empty engine allowed_special disallowed_special retry_min_seconds retry_max_seconds",
    "Mistral's SDK": "server_url timeout_ms retries retry_config http_headers",
}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("cls", CHATS, ids=lambda cls: cls.__name__)
def test_every_argument_of_a_peer_is_answered(cls: type[Any], peer: str) -> None:
    fields = argument_names(cls)
    for name in PEERS[peer].split():
        if name in fields:
            continue
        with pytest.raises(ConfigurationError, match=f"unknown argument '{name}': ") as caught:
            cls(base_url="sandbox:", **{name: "x"})
        assert "did you mean" not in str(caught.value)


ANSWERS = [
    ("openai_api_key", "here it is api_key=, or portkey_api_key=."),
    ("request_timeout", "here it is timeout=, in seconds"),
    ("azure_endpoint", "here it is base_url="),
    ("custom_host", "here it is base_url="),
    ("fallbacks", "here it is portkey_config="),
    ("timeout_ms", "here it is timeout=, in seconds"),
    ("azure_ad_async_token_provider", "pass an http_client= that signs its requests"),
    ("api_version", "it is not needed: Mistral's API has no versions"),
    ("aws_access_key_id", "belongs to its target in portkey_config"),
    ("logit_bias", "it is not needed: Mistral's API has no such parameter"),
]


def test_structured_outputs_are_a_mode_of_llamaindex() -> None:
    with pytest.raises(ConfigurationError, match="here it is pydantic_program_mode="):
        PortkeyMistral(base_url="sandbox:", should_use_structured_outputs=True)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_an_answer_names_what_the_class_has(cls: type[Any]) -> None:
    for name, answer in ANSWERS:
        with pytest.raises(ConfigurationError) as caught:
            cls(base_url="sandbox:", **{name: "sk-secret"})
        assert f"unknown argument {name!r}: " in str(caught.value)
        assert answer in str(caught.value)
        assert "sk-secret" not in str(caught.value)


def test_a_client_without_a_framework_answers_too() -> None:
    with pytest.raises(ConfigurationError, match="here it is base_url="):
        Client(azure_endpoint="https://x.test")


PER_CALL = [
    ("request_timeout", "here it is timeout="),
    ("function_call", "here it is tool_choice="),
    ("openai_api_key", r"here it is api_key=, or portkey_api_key=.*to the constructor"),
    ("num_retries", "here it is max_retries=.*to the constructor"),
    ("stream_options", "it is not needed: every answer reports it"),
    ("user", "it is not needed"),
    ("api_key", "it is a setting of the object"),
    ("temprature", "did you mean 'temperature'"),
]


@pytest.mark.parametrize(("name", "answer"), PER_CALL)
def test_an_argument_of_a_call_is_answered(name: str, answer: str) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:")
    for call in (
        chat.invoke,
        chat.bind(**{name: 1}).invoke,
        lambda q, **k: list(chat.stream(q, **k)),
    ):
        with pytest.raises(InvalidRequestError, match=answer):
            call("Hello!", **{name: 1})
    llm = PortkeyMistral(base_url="sandbox:")
    for complete in (llm.complete, lambda q, **k: list(llm.stream_complete(q, **k))):
        with pytest.raises(InvalidRequestError, match=answer):
            complete("Hello!", **{name: 1})


def test_aliases_are_fields_of_objects_and_of_calls(mistral_sandbox: Any) -> None:
    fields: dict[str, Any] = {"max_completion_tokens": 7, "extra_body": {"metadata": {"team": "a"}}}
    chat = ChatPortkeyMistral(base_url="sandbox:")
    ChatPortkeyMistral(base_url="sandbox:", **fields).invoke("Hello!")
    chat.invoke("Hello!", **fields)
    chat.bind(**fields).invoke("Hello!")
    list(chat.stream("Hello!", **fields))
    llm = PortkeyMistral(base_url="sandbox:")
    PortkeyMistral(base_url="sandbox:", **fields).complete("Hello!")
    llm.complete("Hello!", **fields)
    list(llm.stream_complete("Hello!", **fields))
    bodies = [exchange.body for exchange in mistral_sandbox.requests]
    assert [(body["max_tokens"], body["metadata"]) for body in bodies] == [(7, {"team": "a"})] * 7


def test_two_names_of_one_field_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match="names of the same setting"):
        ChatPortkeyMistral(base_url="sandbox:", max_tokens=5, max_completion_tokens=7)


def test_nothing_is_said_of_a_known_or_an_unheard_name() -> None:
    assert explain_peer_argument("timeout", ["timeout"]) is None
    assert explain_peer_argument("frobnicate", ["timeout"]) is None


@pytest.mark.parametrize("cls", [*CLASSES, Client], ids=lambda cls: cls.__name__)
def test_the_variable_of_llamaindexs_own_class_names_the_endpoint(
    cls: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MISTRAL_ENDPOINT", "https://llm.example")
    made = cls()
    assert getattr(made, "settings", made).base_url == "https://llm.example/v1"
    monkeypatch.setenv("MISTRAL_BASE_URL", "https://other.example")
    made = cls()
    assert getattr(made, "settings", made).base_url == "https://other.example/v1"

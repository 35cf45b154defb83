"""Arguments of other packages' classes: what they are called here, or why they are not needed.

An error asks this table before it suggests the name that is most alike: `api_version` is like `api_key`, and is not it.
The packages are langchain-mistralai, langchain-openai (with Azure), LiteLLM (with its LangChain class), portkey-ai, and
LlamaIndex's llms and embeddings for MistralAI, OpenAI and OpenAILike, and Mistral's own SDK.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["explain_peer_argument"]

# Name there -> names here; those that the class or the call takes are suggested.
_RENAMED: Mapping[str, tuple[str, ...]] = {
    # langchain-mistralai
    "client": ("http_client",),
    "async_client": ("http_async_client",),
    # langchain-openai, OpenAI's SDK
    "openai_api_key": ("api_key", "portkey_api_key"),
    "openai_api_base": ("base_url", "gateway_url"),
    "openai_proxy": ("proxy",),
    "http_socket_options": ("http_client",),
    "request_timeout": ("timeout",),
    "stream_chunk_timeout": ("idle_timeout",),
    "reasoning": ("reasoning_effort",),
    "root_client": ("http_client",),
    "root_async_client": ("http_async_client",),
    "functions": ("tools",),
    "function_call": ("tool_choice",),
    "response_schema": ("response_format",),
    "engine": ("model",),
    "deployment": ("model",),
    # AzureChatOpenAI
    "azure_endpoint": ("base_url",),
    "azure_deployment": ("model",),
    "deployment_name": ("model",),
    "azure_api_key": ("api_key",),
    "azure_ad_token": ("default_headers", "headers"),
    # LiteLLM
    "custom_llm_provider": ("provider",),
    "num_retries": ("max_retries",),
    "fallbacks": ("portkey_config",),
    "context_window_fallbacks": ("portkey_config",),
    "extra_headers": ("default_headers",),
    "headers": ("default_headers",),
    "n_ctx": ("context_window",),
    "litellm_metadata": ("portkey_metadata",),
    # portkey-ai
    "custom_host": ("base_url",),
    "authorization": ("api_key",),
    "Authorization": ("api_key",),
    "traceID": ("trace_id",),
    "cache": ("portkey_config",),
    "retry": ("portkey_config",),
    "strategy": ("portkey_config",),
    "targets": ("portkey_config",),
    "mistral_fim_completion": ("portkey_config",),
    # Mistral's SDK
    "server_url": ("base_url",),
    "timeout_ms": ("timeout",),
    "retries": ("max_retries",),
    "retry_config": ("max_retries",),
    "http_headers": ("headers", "default_headers"),
    # LlamaIndex
    "max_new_tokens": ("max_tokens",),
    "should_use_structured_outputs": ("pydantic_program_mode",),
    "callback_handler": ("callback_manager", "callbacks"),
    # both frameworks have one name each for further members of the body
    "model_kwargs": ("model_kwargs", "additional_kwargs"),
    "additional_kwargs": ("additional_kwargs", "model_kwargs"),
    "metadata": ("portkey_metadata", "request_metadata"),
}

_UNITS: Mapping[str, str] = {
    "request_timeout": ", in seconds as in langchain-openai (portkey-ai's request_timeout is in milliseconds)",
    "timeout_ms": ", in seconds",
}

_ALWAYS_REPORTED = "every answer reports it"
_NO_TOKENIZER = "texts are counted with Mistral's tokenizer where it is installed"
_CLOUD_KEY = "a credential of another provider belongs to its target in portkey_config"
_OPENAI_ONLY = "Mistral's API has no such parameter"
_PAUSES = "pauses between retries follow the server's Retry-After, else grow from one second"
_SIGNED = "pass an http_client= that signs its requests"

_NOT_NEEDED: Mapping[str, str] = {
    # langchain-openai, OpenAI's SDK
    "organization": "Mistral's keys belong to one workspace",
    "openai_organization": "Mistral's keys belong to one workspace",
    "project": "Mistral's keys belong to one workspace",
    "openai_api_type": "the mode follows from the other arguments",
    "default_query": "no API here takes query parameters",
    "extra_query": "no API here takes query parameters",
    "stream_usage": _ALWAYS_REPORTED,
    "stream_options": _ALWAYS_REPORTED,
    "include_response_headers": "ids and rate limits are always reported",
    "include": _OPENAI_ONLY,
    "disabled_params": "a parameter that is not set is not sent",
    "use_responses_api": "all calls are chat completions",
    "use_previous_response_id": "all calls are chat completions",
    "store": _OPENAI_ONLY,
    "truncation": _OPENAI_ONLY,
    "verbosity": _OPENAI_ONLY,
    "logit_bias": _OPENAI_ONLY,
    "user": _OPENAI_ONLY,
    "modalities": _OPENAI_ONLY,
    "audio": _OPENAI_ONLY,
    "audio_config": _OPENAI_ONLY,
    "context_management": _OPENAI_ONLY,
    "prompt_cache_options": _OPENAI_ONLY,
    "prompt_cache_retention": _OPENAI_ONLY,
    "safety_identifier": _OPENAI_ONLY,
    "web_search_options": _OPENAI_ONLY,
    "tiktoken_model_name": _NO_TOKENIZER,
    "tiktoken_enabled": _NO_TOKENIZER,
    "check_embedding_ctx_length": "texts are always sent as text",
    "embedding_ctx_length": "the model's limit is known",
    "skip_empty": "each text gets its vector",
    "allowed_special": "texts are always sent as text",
    "disallowed_special": "texts are always sent as text",
    "retry_min_seconds": _PAUSES,
    "retry_max_seconds": _PAUSES,
    "chunk_size": "requests are cut to Mistral's limits",
    # langchain-mistralai
    "tokenizer": _NO_TOKENIZER,
    "wait_time": _PAUSES,
    # AzureChatOpenAI
    "api_version": "Mistral's API has no versions to choose from",
    "openai_api_version": "Mistral's API has no versions to choose from",
    "azure_ad_token_provider": _SIGNED,
    "azure_ad_async_token_provider": _SIGNED,
    "model_version": "the model's id has its version",
    "validate_base_url": "the URL is always validated",
    # LiteLLM
    "drop_params": "parameters that a target lacks are named on the answer",
    "allowed_openai_params": "parameters that a target lacks are named on the answer",
    "input_cost_per_token": "prices are in the model catalog",
    "output_cost_per_token": "prices are in the model catalog",
    "mock_response": "base_url='sandbox:' answers offline",
    # portkey-ai
    "strict_open_ai_compliance": "answers are read in the form of every provider",
    "instrumentation": "see transport= and the frameworks' own tracing",
    "debug": "whether Portkey logs content is set in its organisation",
    # LlamaIndex
    "is_chat_model": "every model here is a chat model",
    "reuse_client": "connections are shared by the process",
    "show_thinking": "thinking is in blocks of its own",
    "openai_client": "pass the settings, or an http_client=",
    "async_openai_client": "pass the settings, or an http_async_client=",
    "strict": "pass it with the tools or the schema",
    "streaming": "call the streaming methods",
}

_CLOUD_PREFIXES = ("aws_", "vertex_", "azure_", "bedrock_", "openai_", "anthropic_", "snowflake_")


def explain_peer_argument(name: str, known: Collection[str]) -> str | None:
    """Return what to do about an argument of another package; None if it is none, or one of `known`.

    `known` are the names that the class or the method accepts.
    """
    if name in known:
        return None
    ours = [each for each in _RENAMED.get(name, ()) if each in known]
    if ours:
        return f"here it is {', or '.join(f'{each}=' for each in ours)}{_UNITS.get(name, '')}."
    if (reason := _NOT_NEEDED.get(name)) is not None:
        return f"it is not needed: {reason}."
    if name not in _RENAMED and name.startswith(_CLOUD_PREFIXES):
        return f"{_CLOUD_KEY}."
    return None

"""Shared by the LlamaIndex tests: models on the sandbox over HTTP, and a helper to call any method."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding

KEY = "sk-the-key-that-nobody-may-see"

Ask = Callable[..., Awaitable[list[Any]]]


def pytest_configure(config):
    # LlamaIndex's own: its memory leaves database connections open, its StructuredLLM calls
    # pydantic's old names, its workflows look at every attribute of an agent, deprecated or not.
    for line in (
        "ignore:<aiosqlite.core.Connection:ResourceWarning",
        "ignore:The `(json|__fields__|__fields_set__)` :DeprecationWarning",
        "ignore:is_running called from within a step:DeprecationWarning",
        "ignore:Accessing the 'model_.*' attribute on the instance:DeprecationWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


@pytest.fixture
def make_llm(mistral_sandbox_url) -> Callable[..., PortkeyMistral]:
    def make(**fields: Any) -> PortkeyMistral:
        return PortkeyMistral(**{"base_url": mistral_sandbox_url, "api_key": KEY} | fields)

    return make


@pytest.fixture
def llm(make_llm) -> PortkeyMistral:
    return make_llm()


@pytest.fixture
def make_embedding(mistral_sandbox_url) -> Callable[..., PortkeyMistralEmbedding]:
    def make(**fields: Any) -> PortkeyMistralEmbedding:
        return PortkeyMistralEmbedding(**{"base_url": mistral_sandbox_url, "api_key": KEY} | fields)

    return make


@pytest.fixture
def embedding(make_embedding) -> PortkeyMistralEmbedding:
    return make_embedding()


@pytest.fixture
def ask() -> Ask:
    """Call a method of a model, sync or async, and return all items of its result."""

    async def call(llm: PortkeyMistral, method: str, prompt: Any, /, **kwargs: Any) -> list[Any]:
        if "chat" in method and isinstance(prompt, str):
            prompt = [ChatMessage(role="user", content=prompt)]
        result = getattr(llm, method)(prompt, **kwargs)
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, AsyncIterator):
            return [item async for item in result]
        return list(result) if isinstance(result, Iterator) else [result]

    return call


@pytest.fixture
def bodies(mistral_sandbox) -> Callable[[], list[Any]]:
    """The bodies of the requests that reached the sandbox so far."""
    return lambda: [exchange.body for exchange in mistral_sandbox.requests]

"""LangChain's own integration suites, whole, through the real Portkey gateway to the sandbox behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from langchain_portkey_mistral import PortkeyMistralEmbeddings
from standard_chat import StandardChat

pytestmark = [
    pytest.mark.gateway,
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Let the suite's recorder pass what goes to this machine."""
    return {"ignore_localhost": True}


@pytest.fixture
def connection(portkey_gateway_url: str, target: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return {"gateway_url": portkey_gateway_url, "portkey_config": target()}


class TestChat(StandardChat, ChatModelIntegrationTests):
    """As it is."""


class TestStreamingChat(StandardChat, ChatModelIntegrationTests):
    """`invoke` streams too."""

    extra: ClassVar = {"streaming": True}


class TestV1Chat(StandardChat, ChatModelIntegrationTests):
    """Content is standard blocks."""

    extra: ClassVar = {"output_version": "v1"}


class TestChatByJsonSchema(StandardChat, ChatModelIntegrationTests):
    """Structured output by `response_format`, said explicitly; streamed, too."""

    extra: ClassVar = {"streaming": True}
    structured_output_kwargs: ClassVar = {"method": "json_schema"}


class TestChatByFunctionCalling(StandardChat, ChatModelIntegrationTests):
    """Structured output by a forced call."""

    structured_output_kwargs: ClassVar = {"method": "function_calling"}


class TestChatByProvider(StandardChat, ChatModelIntegrationTests):
    """Without a config: the provider and the key in headers."""

    @pytest.fixture
    def connection(self, portkey_gateway_url: str, mistral_sandbox_url: str) -> dict[str, Any]:
        return {
            "gateway_url": portkey_gateway_url,
            "provider": "mistral-ai",
            "api_key": "test",
            "base_url": mistral_sandbox_url,
        }


class TestEmbeddings(EmbeddingsIntegrationTests):
    """Embeddings."""

    @pytest.fixture(autouse=True)
    def _connect(self, connection: dict[str, Any]) -> None:
        self.connection = connection

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return PortkeyMistralEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "mistral-embed", **self.connection}

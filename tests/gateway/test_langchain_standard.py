"""LangChain's standard integration suites, whole, through the real Portkey gateway to the sandbox behind it.

Chat runs with a config and the defaults; `make test-all` adds the opposite settings, and a provider instead of a
config.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from standard_chat import StandardChat, StandardEmbeddings

pytestmark = [
    pytest.mark.gateway,
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


@pytest.fixture
def connection(portkey_gateway_url: str, target: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return {"gateway_url": portkey_gateway_url, "portkey_config": target()}


class TestChat(StandardChat, ChatModelIntegrationTests):
    """A config, and defaults."""


@pytest.mark.full
class TestStreamingV1ChatByProvider(StandardChat, ChatModelIntegrationTests):
    """Provider and key in headers; `invoke` streams, v1 blocks, structured output by tool calls."""

    fields: ClassVar = {"streaming": True, "output_version": "v1"}
    structured_output_kwargs: ClassVar = {"method": "function_calling"}

    @pytest.fixture
    def connection(self, portkey_gateway_url: str, mistral_sandbox_url: str) -> dict[str, Any]:
        return {
            "gateway_url": portkey_gateway_url,
            "provider": "mistral-ai",
            "api_key": "test",
            "base_url": mistral_sandbox_url,
        }


class TestEmbeddings(StandardEmbeddings, EmbeddingsIntegrationTests):
    """A config."""

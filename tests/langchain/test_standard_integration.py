"""LangChain's standard integration suites, whole, against the sandbox over HTTP.

Chat runs twice, so that every setting with two code paths is covered by the whole suite: with the defaults
(answers in one piece, content as LangChain's v0, structured output by JSON Schema), and with the opposite of each.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from standard_chat import StandardChat, StandardEmbeddings

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)


@pytest.fixture
def connection(mistral_sandbox_url: str) -> dict[str, Any]:
    return {"api_key": "test", "base_url": mistral_sandbox_url}


class TestChat(StandardChat, ChatModelIntegrationTests):
    """Defaults."""


class TestStreamingV1Chat(StandardChat, ChatModelIntegrationTests):
    """`invoke` streams, content is v1 blocks, and structured output is a tool call."""

    fields: ClassVar = {"streaming": True, "output_version": "v1"}
    structured_output_kwargs: ClassVar = {"method": "function_calling"}


class TestEmbeddings(StandardEmbeddings, EmbeddingsIntegrationTests):
    """Defaults."""

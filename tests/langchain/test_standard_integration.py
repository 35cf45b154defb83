"""LangChain's own integration suites, whole, against the sandbox over HTTP.

Every capability is on. No model of Mistral's both sees and hears, so the test of sound has its own.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests, EmbeddingsIntegrationTests

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings

pytestmark = pytest.mark.filterwarnings(
    "ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"
)

# The suite fetches a picture, a document and a sound from the web and passes them on; these stand in.
MEDIA = {
    ".png": b"\x89PNG\r\n\x1a\n" + bytes(24),
    ".pdf": b"%PDF-1.4\n%%EOF",
    ".wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
}


@pytest.fixture(autouse=True)
def _media_without_the_web(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, content=MEDIA[url[-4:].lower()])

    monkeypatch.setattr(httpx, "get", get)
    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, Any]:
    """Let the suite's recorder pass what goes to this machine."""
    return {"ignore_localhost": True}


class TestChat(ChatModelIntegrationTests):
    """The chat class."""

    @pytest.fixture(autouse=True)
    def _connect(self, mistral_sandbox_url: str, request: pytest.FixtureRequest) -> None:
        hears = request.node.name == "test_audio_inputs"
        self.name = "voxtral-small-latest" if hears else "mistral-medium-latest"
        self.url = mistral_sandbox_url

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatPortkeyMistral

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.name, "api_key": "test", "base_url": self.url}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "mistral-small-latest"

    @property
    def supported_usage_metadata_details(self) -> dict[str, list[str]]:
        return {"invoke": ["cache_read_input"], "stream": ["cache_read_input"]}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Say the same long thing twice under one cache key."""
        chat = ChatPortkeyMistral(**self.chat_model_params, prompt_cache_key="standard")
        prompt = "What is a mistral? " * 100
        chat.invoke(prompt)
        if not stream:
            return chat.invoke(prompt)
        first, *rest = chat.stream(prompt)
        return first + rest


class TestEmbeddings(EmbeddingsIntegrationTests):
    """Embeddings."""

    @pytest.fixture(autouse=True)
    def _connect(self, mistral_sandbox_url: str) -> None:
        self.url = mistral_sandbox_url

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return PortkeyMistralEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "mistral-embed", "api_key": "test", "base_url": self.url}

"""Settings for LangChain's standard integration suites: every capability is switched on.

The chat suite downloads an image, a document and an audio file to pass them on; here they are stand-ins.
"""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pytest
from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from vcr.cassette import Cassette

from langchain_portkey_mistral import ChatPortkeyMistral, PortkeyMistralEmbeddings

__all__ = ["StandardChat", "StandardEmbeddings"]

_MEDIA = {
    ".png": b"\x89PNG\r\n\x1a\n" + bytes(24),
    ".pdf": b"%PDF-1.4\n%%EOF",
    ".wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
}


class StandardChat:
    """Comes before `ChatModelIntegrationTests` in the bases; the fixture `connection` has the endpoint."""

    fields: ClassVar[dict[str, Any]] = {}
    model_override_value = "mistral-small-latest"

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_image_tool_message = True
    supports_audio_inputs = True
    supports_pdf_inputs = True
    supports_pdf_tool_message = True
    supports_anthropic_inputs = True
    enable_vcr_tests = True
    supported_usage_metadata_details: ClassVar = {
        "invoke": ["cache_read_input"],
        "stream": ["cache_read_input"],
    }

    @pytest.fixture
    def vcr(self) -> Cassette:
        """An empty recording, with which the tests that ask for one make their calls."""
        return Cassette("unused")

    @pytest.fixture(autouse=True)
    def _media_without_the_web(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def get(url: str, **_: Any) -> httpx.Response:
            return httpx.Response(200, content=_MEDIA[url[-4:].lower()])

        monkeypatch.setattr(httpx, "get", get)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")

    @pytest.fixture(autouse=True)
    def _connect(self, connection: dict[str, Any], request: pytest.FixtureRequest) -> None:
        # No Mistral model takes both images and audio.
        needs_audio = request.node.name == "test_audio_inputs"
        self.model = "voxtral-small-latest" if needs_audio else "mistral-medium-latest"
        self.connection = connection

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatPortkeyMistral

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.model, **self.connection, **self.fields}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Send the same long prompt twice with one cache key."""
        chat = ChatPortkeyMistral(**self.chat_model_params, prompt_cache_key="standard")
        prompt = "What is a mistral? " * 100
        chat.invoke(prompt)
        if not stream:
            return chat.invoke(prompt)
        first, *rest = chat.stream(prompt)
        return first + rest


class StandardEmbeddings:
    """Comes before `EmbeddingsIntegrationTests` in the bases."""

    @pytest.fixture(autouse=True)
    def _connect(self, connection: dict[str, Any]) -> None:
        self.connection = connection

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return PortkeyMistralEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": "mistral-embed", **self.connection}

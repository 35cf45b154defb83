"""What LangChain's standard integration suite is told about `ChatPortkeyMistral`: every ability is on.

The suite fetches a picture, a document and a sound from the web and passes them on; the fixture here has
stand-ins for them.
"""

from __future__ import annotations

from typing import Any, ClassVar

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from langchain_portkey_mistral import ChatPortkeyMistral

_MEDIA = {
    ".png": b"\x89PNG\r\n\x1a\n" + bytes(24),
    ".pdf": b"%PDF-1.4\n%%EOF",
    ".wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
}


class StandardChat:
    """Goes before `ChatModelIntegrationTests` in the bases; `connection` says where the calls go."""

    extra: ClassVar[dict[str, Any]] = {}
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

    @pytest.fixture(autouse=True)
    def _media_without_the_web(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def get(url: str, **_: Any) -> httpx.Response:
            return httpx.Response(200, content=_MEDIA[url[-4:].lower()])

        monkeypatch.setattr(httpx, "get", get)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "tests")

    @pytest.fixture(autouse=True)
    def _connect(self, connection: dict[str, Any], request: pytest.FixtureRequest) -> None:
        # No model of Mistral's both sees and hears.
        hears = request.node.name == "test_audio_inputs"
        self.name = "voxtral-small-latest" if hears else "mistral-medium-latest"
        self.connection = connection

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ChatPortkeyMistral

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.name, **self.connection, **self.extra}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        """Say the same long thing twice under one cache key."""
        chat = ChatPortkeyMistral(**self.chat_model_params, prompt_cache_key="standard")
        prompt = "What is a mistral? " * 100
        chat.invoke(prompt)
        if not stream:
            return chat.invoke(prompt)
        first, *rest = chat.stream(prompt)
        return first + rest

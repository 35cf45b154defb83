"""The capabilities that a request requires."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_mistral._call.validate import required_capabilities
from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    TextPart,
    UnknownPart,
)
from portkey_mistral.requests import (
    ChatRequest,
    EmbeddingRequest,
    FIMRequest,
    ModerationRequest,
    Request,
    Tool,
)


def chat(content: Any = "hi", **fields: Any) -> ChatRequest:
    return ChatRequest(model="m", messages=[Message.user(content)], **fields)


@pytest.mark.parametrize(
    ("request_", "required"),
    [
        (chat(), {"chat"}),
        (chat((TextPart("see"), ImagePart("https://x/y.png"))), {"chat", "vision"}),
        (chat((UnknownPart({"type": "image_url", "image_url": "x"}),)), {"chat", "vision"}),
        (chat((AudioPart("AAAA"),)), {"chat", "audio"}),
        (chat((DocumentPart("https://x/y.pdf"), UnknownPart({"type": "new"}))), {"chat"}),
        (chat(tools=[Tool("add")]), {"chat", "tools"}),
        (chat(tools=[{"type": "function", "function": {}}]), {"chat", "tools"}),
        (chat(tools=[{"type": "image_generation"}]), {"chat", "tools"}),
        (chat(tools=[{"type": "document_library", "library_ids": ["a"]}]), {"chat", "tools"}),
        (chat(tools=[{"type": "web_search"}]), {"chat", "web_search"}),
        (chat(tools=[{"type": "web_search_premium"}]), {"chat", "web_search_premium"}),
        (chat(tools=[{"type": "code_interpreter"}]), {"chat", "code_interpreter"}),
        (chat(tools=[{"type": "fine_tuning"}]), {"chat", "fine_tuning"}),
        (chat(extra={"modalities": ["text", "image"]}), {"chat", "image_generation"}),
        (chat(extra={"modalities": None}), {"chat"}),
        (chat(extra={"training_files": ["id"]}), {"chat", "fine_tuning"}),
        (chat(reasoning_effort="high", prediction="x"), {"chat"}),
        (FIMRequest(model="m", prompt="def"), {"fim"}),
        (EmbeddingRequest(model="m", inputs=["a"]), {"embeddings"}),
        (ModerationRequest(model="m", inputs=["a"]), {"moderation"}),
    ],
)
def test_required_capabilities(request_: Request, required: set[str]) -> None:
    assert required_capabilities(request_) == required


def test_images_count_in_every_message() -> None:
    history = [
        Message.user((ImagePart("data:image/png;base64,AA=="),)),
        Message.assistant("A cat."),
        Message.user("Sure?"),
    ]
    assert required_capabilities(ChatRequest(model="m", messages=history)) == {"chat", "vision"}

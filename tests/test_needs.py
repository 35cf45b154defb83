"""What a request asks of its model."""

from __future__ import annotations

from typing import Any

import pytest

from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    ImagePart,
    Message,
    TextPart,
    UnknownPart,
)
from portkey_mistral.needs import needs_of
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
    ("request_", "needs"),
    [
        (chat(), {"chat"}),
        (chat((TextPart("see"), ImagePart("https://x/y.png"))), {"chat", "vision"}),
        (chat((UnknownPart({"type": "image_url", "image_url": "x"}),)), {"chat", "vision"}),
        (chat((AudioPart("AAAA"),)), {"chat", "audio"}),
        (chat((DocumentPart("https://x/y.pdf"), UnknownPart({"type": "new"}))), {"chat"}),
        (chat(tools=[Tool("add")]), {"chat", "tools"}),
        (chat(tools=[{"type": "function", "function": {}}]), {"chat", "tools"}),
        (chat(tools=[{"type": "image_generation"}]), {"chat", "image_generation"}),
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
def test_needs_of(request_: Request, needs: set[str]) -> None:
    assert needs_of(request_) == needs


def test_images_count_wherever_they_stand() -> None:
    history = [
        Message.user((ImagePart("data:image/png;base64,AA=="),)),
        Message.assistant("A cat."),
        Message.user("Sure?"),
    ]
    assert needs_of(ChatRequest(model="m", messages=history)) == {"chat", "vision"}

"""Images, documents and audio count as tokens: by pages or length where these are known, else by size."""

from __future__ import annotations

import base64

import pytest

from portkey_mistral.messages import (
    AudioPart,
    DocumentPart,
    FilePart,
    ImagePart,
    Message,
    TextPart,
    ToolCall,
)
from portkey_mistral.tokens import PromptSize, count_message_tokens

PAGE = 1000


def data_url(data: bytes, mime_type: str = "application/pdf") -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


def pdf(pages: int, size: int = 0) -> bytes:
    objects = b"<< /Type /Pages >>" + b"<</Type/Page /Parent 1 0 R>>\n" * pages
    return b"%PDF-1.7\n" + objects + b"x" * size


def wav(seconds: int, bytes_per_second: int = 32_000) -> str:
    header = b"RIFF\0\0\0\0WAVEfmt " + bytes(12) + bytes_per_second.to_bytes(4, "little")
    return base64.b64encode(header + b"x" * seconds * bytes_per_second).decode()


PARTS = {
    "image": (ImagePart("https://x.test/a.png"), 3025, 3025),
    "image as data": (ImagePart(data_url(b"x" * 9_000_000, "image/png")), 3025, 3025),
    "pdf of three pages": (DocumentPart(data_url(pdf(3, size=400_000))), 3 * PAGE, 3 * PAGE),
    "pdf with compressed pages": (DocumentPart(data_url(pdf(0, size=299_000))), 6 * PAGE, 6 * PAGE),
    "pdf that is no base64": (DocumentPart("data:application/pdf;base64,JVBERi0!"), PAGE, PAGE),
    "office document": (DocumentPart(data_url(b"PK" + b"x" * 100_000, "a/docx")), PAGE, 4 * PAGE),
    "document by url": (DocumentPart("https://x.test/a.pdf"), 10 * PAGE, 10 * PAGE),
    "uploaded file": (FilePart("f1"), 10 * PAGE, 10 * PAGE),
    "a minute of wav": (AudioPart(wav(60), "wav"), 745, 755),
    "a minute of mp3": (AudioPart(base64.b64encode(b"x" * 960_000).decode()), 750, 3100),
    "audio by url": (AudioPart("https://x.test/a.mp3"), 3750, 3750),
    "audio as a data url": (AudioPart("data:audio/wav;base64," + wav(60)), 745, 755),
    "audio that is no base64": (AudioPart("?"), 1, 1),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_counts(name: str) -> None:
    part, least, most = PARTS[name]
    empty = count_message_tokens([Message.user("see")], len)
    assert (
        least <= count_message_tokens([Message.user((TextPart("see"), part))], len) - empty <= most
    )


@pytest.mark.parametrize(
    "chunk",
    [
        {"type": "image_url", "image_url": {"url": data_url(b"x" * 3_000_000)}},
        {"type": "document_url", "document_url": data_url(pdf(3, size=3_000_000))},
        {"type": "input_audio", "input_audio": wav(240)},
    ],
    ids=lambda chunk: chunk["type"],
)
def test_the_size_of_a_prompt_does_not_count_base64_as_text(chunk: dict[str, object]) -> None:
    body = {"messages": [{"role": "user", "content": [chunk]}]}
    assert 2900 <= PromptSize(body)() <= 3100


def test_text_thinking_and_calls_count() -> None:
    call = ToolCall("1", "add", '{"a": 1}')
    assert count_message_tokens([Message.assistant("ab", tool_calls=(call,))], len) == 2 + 3 + 8 + 4

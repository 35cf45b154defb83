"""The content of messages, from the domain's parts to Mistral's JSON chunks and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from portkey_mistral._json import drop_none
from portkey_mistral._wire.malformed import MalformedResponse
from portkey_mistral.messages import (
    AudioPart,
    Content,
    DocumentPart,
    FilePart,
    ImagePart,
    Part,
    ReferencePart,
    TextPart,
    ThinkingPart,
    UnknownPart,
)

__all__ = [
    "decode_content",
    "decode_part",
    "encode_content",
    "encode_media",
    "refusal",
    "refusal_in",
]


def encode_content(content: Content) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    return [_encode_part(part) for part in content] or ""


def _encode_part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ThinkingPart():
            return _encode_thinking(part)
        case ReferencePart(ids):
            return {"type": "reference", "reference_ids": list(ids)}
        case UnknownPart({"type": "refusal", "refusal": str(text)}):
            # Mistral has no refusals: the text is sent instead.
            return {"type": "text", "text": text}
        case UnknownPart(raw):
            return dict(raw)
        case _:
            return encode_media(part)


def encode_media(part: ImagePart | DocumentPart | AudioPart | FilePart) -> dict[str, Any]:
    match part:
        case ImagePart(url, detail):
            # An object, which is OpenAI's form too; Mistral would also accept a string.
            return {"type": "image_url", "image_url": drop_none(url=url, detail=detail)}
        case DocumentPart(url, name):
            return drop_none(type="document_url", document_url=url, document_name=name)
        case AudioPart(data):
            return {"type": "input_audio", "input_audio": data}
        case FilePart(file_id):
            return {"type": "file", "file_id": file_id}
    assert_never(part)


def _encode_thinking(part: ThinkingPart) -> dict[str, Any]:
    text = [{"type": "text", "text": part.text}] if part.text or not part.references else []
    return drop_none(
        type="thinking",
        thinking=[*text, *map(dict, part.references)],
        closed=None if part.closed else False,
        signature=part.signature,
    )


def refusal(text: str) -> UnknownPart:
    """Return the part of a refusal, in the form of OpenAI's content parts."""
    return UnknownPart({"type": "refusal", "refusal": text})


def refusal_in(message: Mapping[str, Any]) -> str | None:
    """Return the refusal of a message or delta; OpenAI sends it next to the content."""
    text = message.get("refusal")
    return text if isinstance(text, str) and text else None


def decode_content(value: object) -> Content:
    """Decode the content of a message or a delta; a list of text alone becomes a string.

    Raises:
        MalformedResponse: it is not a string, a list or null.
    """
    match value:
        case str():
            return value
        case None:
            return ""
        case list():
            parts = tuple(decode_part(item) for item in value)
            if all(isinstance(part, TextPart) for part in parts):
                return "".join(part.text for part in parts if isinstance(part, TextPart))
            return parts
        case _:
            raise MalformedResponse(f"content is {type(value).__name__}, not a string or a list")


def decode_part(raw: object) -> Part:
    """Decode one chunk. A chunk of an unknown type is kept unchanged: Mistral adds types without a new API version.

    Raises:
        MalformedResponse: it is not a JSON object.
    """
    if isinstance(raw, str):
        return TextPart(raw)
    if not isinstance(raw, dict):
        raise MalformedResponse(f"a content chunk is {type(raw).__name__}, not an object")
    match raw:
        case {"type": "text", "text": str(text)}:
            return TextPart(text)
        case {"type": "thinking", "thinking": str() | list() as thought}:
            return _decode_thinking(raw, thought)
        case {"type": "reference", "reference_ids": list(ids)}:
            return ReferencePart(tuple(ids))
        case _:
            return _decode_media(raw)


def _decode_media(raw: Mapping[str, Any]) -> Part:
    match raw:
        case {"type": "image_url", "image_url": str(url) | {"url": str(url)}}:
            return ImagePart(url)
        case {"type": "document_url", "document_url": str(url)}:
            return DocumentPart(url, raw.get("document_name"))
        case {"type": "file", "file_id": str(file_id)}:
            return FilePart(file_id)
        case _:
            return UnknownPart(raw)


def _decode_thinking(raw: Mapping[str, Any], thought: str | list[Any]) -> ThinkingPart:
    items = [{"type": "text", "text": thought}] if isinstance(thought, str) else thought
    return ThinkingPart(
        text="".join(item["text"] for item in items if _is_text(item)),
        closed=raw.get("closed") is not False,
        signature=raw.get("signature"),
        references=tuple(item for item in items if isinstance(item, dict) and not _is_text(item)),
    )


def _is_text(item: object) -> bool:
    return (
        isinstance(item, dict) and item.get("type") == "text" and isinstance(item.get("text"), str)
    )

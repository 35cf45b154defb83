"""The content of messages and its chunks, domain to Mistral's JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from portkey_mistral._wire.faults import MalformedAnswer
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

__all__ = ["decode_content", "decode_part", "encode_content", "refusal", "refusal_in"]


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
            # Mistral knows no refusals: it is told what was said.
            return {"type": "text", "text": text}
        case UnknownPart(raw):
            return dict(raw)
        case _:
            return _encode_media(part)


def _encode_media(part: ImagePart | DocumentPart | AudioPart | FilePart) -> dict[str, Any]:
    match part:
        case ImagePart(url, detail):
            # An object, never the bare text that Mistral takes too: OpenAI reads the same form.
            return {"type": "image_url", "image_url": _given(url=url, detail=detail)}
        case DocumentPart(url, name):
            return _given(type="document_url", document_url=url, document_name=name)
        case AudioPart(data):
            return {"type": "input_audio", "input_audio": data}
        case FilePart(file_id):
            return {"type": "file", "file_id": file_id}
    assert_never(part)


def _encode_thinking(part: ThinkingPart) -> dict[str, Any]:
    text = [{"type": "text", "text": part.text}] if part.text or not part.references else []
    return _given(
        type="thinking",
        thinking=[*text, *map(dict, part.references)],
        closed=None if part.closed else False,
        signature=part.signature,
    )


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def refusal(text: str) -> UnknownPart:
    """Make the part of a refusal, as OpenAI writes it among parts."""
    return UnknownPart({"type": "refusal", "refusal": text})


def refusal_in(message: Mapping[str, Any]) -> str | None:
    """Return what an OpenAI target said beside the content of a message or delta when it refused; or None."""
    told = message.get("refusal")
    return told if isinstance(told, str) and told else None


def decode_content(value: object) -> Content:
    """Read the content of a message or of a delta; a list of nothing but text is text.

    Raises:
        MalformedAnswer: it is neither text, nor a list, nor null.
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
            raise MalformedAnswer(f"content is {type(value).__name__}, not text and not a list")


def decode_part(raw: object) -> Part:
    """Read one chunk. A type that this version does not know is kept as it is.

    Raises:
        MalformedAnswer: it is no JSON object.
    """
    if isinstance(raw, str):
        return TextPart(raw)
    if not isinstance(raw, dict):
        raise MalformedAnswer(f"a content chunk is {type(raw).__name__}, not an object")
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

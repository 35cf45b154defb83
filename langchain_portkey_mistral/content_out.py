"""Writes parts as LangChain's standard content blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
    text_of,
)

__all__ = ["is_plain", "said", "to_block", "to_message_content"]


def to_message_content(content: Content) -> str | list[str | dict[str, Any]]:
    """Write a whole content: text where it is only text, else blocks with each citation on its text."""
    if isinstance(content, str):
        return content
    return text_of(content) if is_plain(content) else list(_blocks(content))


def is_plain(parts: Iterable[Part]) -> bool:
    """Tell whether there is nothing but text."""
    return all(isinstance(part, TextPart) for part in parts)


def said(parts: Iterable[Part]) -> list[Part]:
    """Leave out empty texts, which would be blocks of their own and part what belongs together."""
    return [part for part in parts if part != TextPart("")]


def _blocks(parts: Iterable[Part]) -> Iterable[dict[str, Any]]:
    """Write blocks in order; a reference belongs to the text that it follows."""
    blocks: list[dict[str, Any]] = []
    for part in said(parts):
        block = to_block(part)
        previous = blocks[-1] if blocks else None
        if isinstance(part, ReferencePart) and previous and previous["type"] == "text":
            previous["annotations"] = [*previous.get("annotations", ()), *block["annotations"]]
        elif isinstance(part, TextPart) and previous and _is_open_text(previous):
            previous["text"] += part.text
        else:
            blocks.append(block)
    return blocks


def _is_open_text(block: dict[str, Any]) -> bool:
    return block["type"] == "text" and "annotations" not in block


def to_block(part: Part) -> dict[str, Any]:
    """Write one part as one block."""
    match part:
        case TextPart(text):
            return {"type": "text", "text": text}
        case ReferencePart(reference_ids):
            citation = {"type": "citation", "extras": {"reference_ids": list(reference_ids)}}
            return {"type": "text", "text": "", "annotations": [citation]}
        case ThinkingPart():
            return _reasoning(part)
        case UnknownPart(raw):
            return _unknown(dict(raw))
        case ImagePart() | DocumentPart() | AudioPart() | FilePart():
            return _media(part)


def _media(part: ImagePart | DocumentPart | AudioPart | FilePart) -> dict[str, Any]:
    match part:
        case ImagePart(url):
            return {"type": "image", "url": url}
        case DocumentPart(url):
            return {"type": "file", "url": url}
        case AudioPart(data, format_):
            return {"type": "audio", "base64": data, "mime_type": f"audio/{format_ or 'wav'}"}
        case FilePart(file_id):
            return {"type": "file", "file_id": file_id}


def _reasoning(part: ThinkingPart) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if part.signature is not None:
        extras["signature"] = part.signature
    if part.references:
        extras["references"] = [dict(reference) for reference in part.references]
    if not part.closed:
        extras["closed"] = False
    block: dict[str, Any] = {"type": "reasoning", "reasoning": part.text}
    return block | {"extras": extras} if extras else block


def _unknown(raw: dict[str, Any]) -> dict[str, Any]:
    # An OpenAI target of a fallback may refuse; LangChain's parsers look for this block.
    if raw.get("type") == "refusal":
        return {"type": "refusal", "refusal": raw.get("refusal", "")}
    return {"type": "non_standard", "value": raw}

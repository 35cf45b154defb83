"""What a conversation is made of, in no vendor's spelling. Values only: nothing here does I/O.

A message holds text, or a tuple of parts in the order in which they were said. Ids of tool calls are
kept as the caller gave them; what Mistral demands of them is decided where a request is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = [
    "AudioPart",
    "Content",
    "DocumentPart",
    "FilePart",
    "ImagePart",
    "Message",
    "Part",
    "ReferencePart",
    "Role",
    "TextPart",
    "ThinkingPart",
    "ToolCall",
    "UnknownPart",
    "text_of",
]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class TextPart:
    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image by `https:` or `data:` URL."""

    url: str
    detail: Literal["low", "auto", "high"] | None = None


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A document (PDF and the like) by `https:` or `data:` URL."""

    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Sound as base64 text without a `data:` prefix, or as a URL; `format` is e.g. "wav" where known."""

    data: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file uploaded to Mistral before."""

    file_id: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """What a reasoning model thought. `references` are its non-text members, as they came on the wire."""

    text: str
    closed: bool = True
    signature: str | None = None
    references: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ReferencePart:
    """A citation: ids of sources that the text before it draws on."""

    reference_ids: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class UnknownPart:
    """A part of a type that this version does not know, kept whole so that nothing is lost."""

    raw: Mapping[str, Any]


Part: TypeAlias = (
    TextPart
    | ImagePart
    | DocumentPart
    | AudioPart
    | FilePart
    | ThinkingPart
    | ReferencePart
    | UnknownPart
)
Content: TypeAlias = str | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function that the model wants called. `arguments` is JSON text exactly as the model wrote it."""

    id: str | None
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `prefix` on the last assistant message asks the model to go on from that text."""

    role: Role
    content: Content = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    prefix: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The visible text, parts joined without a separator."""
        return text_of(self.content)

    @classmethod
    def system(cls, content: Content) -> Message:
        return cls("system", content)

    @classmethod
    def user(cls, content: Content) -> Message:
        return cls("user", content)

    @classmethod
    def assistant(cls, content: Content = "", *, tool_calls: tuple[ToolCall, ...] = ()) -> Message:
        return cls("assistant", content, tool_calls)

    @classmethod
    def tool(cls, content: Content, *, tool_call_id: str, name: str | None = None) -> Message:
        return cls("tool", content, tool_call_id=tool_call_id, name=name)


def text_of(content: Content) -> str:
    """Join the visible text of a content; thinking and references are not visible text."""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))

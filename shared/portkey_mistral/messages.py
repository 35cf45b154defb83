"""Messages of a conversation and their parts, independent of any vendor's format.

The content of a message is text, or a tuple of parts in order. Ids of tool calls are kept as the caller gave them;
they are converted to Mistral's form when a request is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from portkey_mistral._json import loads

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
    """Visible text."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image, as an `https:` or `data:` URL. `detail` is the resolution at which the model reads it."""

    url: str
    detail: Literal["low", "auto", "high"] | None = None


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """A document, for example a PDF, as an `https:` or `data:` URL."""

    url: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class AudioPart:
    """Audio, as base64 without a `data:` prefix or as a URL. `format` is "wav" for example, if known."""

    data: str
    format: str | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file that was uploaded to Mistral."""

    file_id: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """The reasoning of a model. `references` are its members that are not text, in the form of the API."""

    text: str
    closed: bool = True
    signature: str | None = None
    references: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ReferencePart:
    """A citation: the ids of the sources of the text before it."""

    reference_ids: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class UnknownPart:
    """A part of an unknown type, kept in the form of the API so that nothing is lost."""

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


@dataclass(slots=True)
class ToolCall:
    """A call of a function that the model asks for.

    `arguments` is the JSON text as the model wrote it; `{}` where it wrote none, or `null`.
    """

    id: str | None
    name: str
    arguments: str = "{}"

    def parse_arguments(self, *, truncated: bool = False) -> dict[str, Any]:
        """Return the arguments as a dict; empty text and `null` stand for none.

        Line breaks and tabs in strings are accepted as they are: models write them, though JSON does not allow it.

        Args:
            truncated: Whether the answer was cut off. Then empty text means that the arguments are missing.

        Raises:
            ValueError: they are not a JSON object: cut off, not JSON, or JSON of another kind.
        """
        text = self.arguments.strip()
        if truncated and not text:
            raise ValueError("the answer was cut off before them")
        if text in ("", "null"):
            return {}
        data = text.encode("utf-8", "replace")
        value = loads(data, allow_inf_nan=False, allow_control_characters=True)
        if not isinstance(value, dict):
            raise ValueError(f"expected a JSON object, got {text[0]!r} at the start")  # noqa: TRY004 - what is wrong is the text, not a type
        return value


@dataclass(slots=True)
class Message:
    """One message.

    `prefix` decides whether a last assistant message is the beginning of the answer, which the model continues. None
    takes it for one, unless the request asks for an answer of its own (a schema, JSON mode, a required tool call) or
    assistant messages carry names: then several agents write, and the last one has finished.

    `tool_call_id` and `name` belong to the results of tools. `extra` is kept for the caller and never sent.
    """

    role: Role
    content: Content = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    prefix: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The visible text, its parts joined without a separator."""
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
    """Return the visible text of a content; thinking and references are not part of it."""
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content if isinstance(part, TextPart))

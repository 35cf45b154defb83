"""Requests to a model, and the options of one call. A field that is None is not sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, FilePart, ImagePart, Message

__all__ = [
    "CALL_OPTIONS",
    "CallOptions",
    "ChatRequest",
    "ClassificationRequest",
    "EmbeddingDtype",
    "EmbeddingRequest",
    "FIMRequest",
    "ModerationRequest",
    "OCRRequest",
    "Request",
    "ResponseFormat",
    "Tool",
    "ToolChoice",
    "list_of_tools",
    "spell",
    "wire_name",
]

if TYPE_CHECKING:
    import httpx

    from portkey_mistral.config import Config


EmbeddingDtype: TypeAlias = Literal["float", "int8", "uint8", "binary", "ubinary"]


@dataclass(slots=True)
class Tool:
    """A function that the model may call. `parameters` is the JSON Schema of its arguments, an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether tools are called: one of Mistral's modes, or the name of the one function that must be called."""

    mode: Literal["auto", "none", "any", "required"] | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """The format of the answer: text, any JSON object, or JSON of a schema with a name."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None

    @classmethod
    def read(cls, value: ResponseFormat | Mapping[str, Any]) -> ResponseFormat:
        """Parse the form used by the APIs of Mistral and OpenAI.

        Raises:
            InvalidRequestError: the value has none of the types `text`, `json_object` and `json_schema`.
        """
        match value:
            case ResponseFormat():
                return value
            case {"type": "text" | "json_object" as kind}:
                return cls(kind)
            case {"type": "json_schema", "json_schema": {"schema": Mapping() as schema} as given}:
                return cls(
                    "json_schema",
                    name=given.get("name") or schema.get("title") or "answer",
                    schema=schema,
                    strict=given.get("strict"),
                    description=given.get("description"),
                )
        raise InvalidRequestError(
            "response_format must be {'type': 'json_object'} or {'type': 'json_schema', 'json_schema': "
            "{'name': ..., 'schema': {...}}}."
        )


@dataclass(slots=True, kw_only=True)
class ChatRequest:
    """One chat request. Meanings and ranges are those of Mistral's API; see `GenerationSettings`.

    `name_messages` puts the names of user and assistant messages before their text ("Ada: Hello!"), because Mistral's
    messages have no field for them. `tools` may contain mappings in the form of the API, for Mistral's built-in tools. `extra` are further members of
    the body; they override the named fields.
    """

    model: str
    messages: Sequence[Message]
    tools: Sequence[Tool | Mapping[str, Any]] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    min_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    random_seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    top_k: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    safe_prompt: bool | None = None
    prompt_mode: str | None = None
    reasoning_effort: str | None = None
    prediction: str | Mapping[str, Any] | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    guardrails: Sequence[Mapping[str, Any]] | None = None
    metadata: Mapping[str, Any] | None = None
    name_messages: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class FIMRequest:
    """One fill-in-the-middle request: the model writes the text between `prompt` and `suffix`."""

    model: str
    prompt: str
    suffix: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    min_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    random_seed: int | None = None
    prompt_cache_key: str | None = None
    metadata: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class EmbeddingRequest:
    """Any number of texts to embed; the client splits them into batches.

    `inputs` may be any iterable; `Client.embed_iter` reads it on demand, `Client.embed` all at once. With
    `encoding_format="base64"` vectors are `array.array` objects if the server supports it: a third of the bytes on the
    wire, a seventh of a list's memory, and numpy reads them without copying.
    """

    model: str
    inputs: Iterable[str]
    output_dimension: int | None = None
    output_dtype: EmbeddingDtype | None = None
    encoding_format: Literal["float", "base64"] | None = None
    metadata: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class ModerationRequest:
    """Texts, or one conversation, to classify by Mistral's moderation."""

    model: str
    inputs: Sequence[str] | None = None
    messages: Sequence[Message] | None = None


@dataclass(slots=True, kw_only=True)
class ClassificationRequest:
    """Texts, or one conversation, to classify by a fine-tuned classifier."""

    model: str
    inputs: Sequence[str] | None = None
    messages: Sequence[Message] | None = None


@dataclass(slots=True, kw_only=True)
class OCRRequest:
    """One document to read: a URL, the bytes of a file as a `data:` URL, or a file that was uploaded to Mistral.

    `portkey_mistral.documents.ocr_document` makes the `document` of bytes.

    Attributes:
        model: Id or alias of an OCR model.
        document: The document or image.
        pages: The pages to read, counted from 0: a list, or a text such as "0-5,7". None reads all.
        include_image_base64: Return the images on the pages.
        image_limit: Largest number of images to return.
        image_min_size: Smallest height and width of the images to return, in pixels.
        bbox_annotation_format: JSON schema by which every image is described.
        document_annotation_format: JSON schema of what is extracted from the whole document.
        document_annotation_prompt: Instructions for that extraction.
        table_format: Return tables apart from the Markdown, as Markdown or HTML. None leaves them within it.
        extract_header: Return page headers apart from the Markdown.
        extract_footer: Return page footers apart from the Markdown.
        include_blocks: Return the blocks of each page with their positions.
        confidence_scores_granularity: What is given a confidence score.
        extra: Further members of the body; they override the named fields.
    """

    model: str
    document: DocumentPart | ImagePart | FilePart
    pages: Sequence[int] | str | None = None
    include_image_base64: bool | None = None
    image_limit: int | None = None
    image_min_size: int | None = None
    bbox_annotation_format: ResponseFormat | None = None
    document_annotation_format: ResponseFormat | None = None
    document_annotation_prompt: str | None = None
    table_format: Literal["markdown", "html"] | None = None
    extract_header: bool | None = None
    extract_footer: bool | None = None
    include_blocks: bool | None = None
    confidence_scores_granularity: Literal["word", "page", "block"] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


Request: TypeAlias = (
    ChatRequest
    | FIMRequest
    | EmbeddingRequest
    | ModerationRequest
    | ClassificationRequest
    | OCRRequest
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """Options of one call; None leaves the client's setting in force, and an empty value leaves it out of this call. The
    repr omits fields that may contain keys.

    Attributes:
        portkey_config: Portkey config in every form that the setting accepts.
        trace_id: Portkey trace id.
        portkey_metadata: Portkey metadata, which conditional routing can test.
        cache_namespace: Partition of the cache; by default determined by `portkey_metadata` and your headers.
        cache_force_refresh: True requests a new answer and stores it.
        forward_headers: Names of your headers that are sent to every target, instead of the targets' own lists.
        headers: Headers of this call, in addition to `default_headers`. With a config, a target is sent only those
            named in its `forward_headers`. Headers that begin with x-portkey- are read as the equivalent options or
            settings.
        timeout: Limit of one attempt in seconds, or an `httpx.Timeout`.
    """

    portkey_config: Config | Mapping[str, Any] | str | Path | None = field(default=None, repr=False)
    trace_id: str | None = None
    portkey_metadata: Mapping[str, str] | None = None
    cache_namespace: str | None = None
    cache_force_refresh: bool | None = None
    forward_headers: Sequence[str] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    timeout: float | httpx.Timeout | None = None


CALL_OPTIONS = frozenset(option.name for option in fields(CallOptions))
"""Names of the options of one call."""


_MAX_NAME_LENGTH = 64
_ALLOWED_NAME = re.compile(rf"[a-zA-Z0-9_-]{{0,{_MAX_NAME_LENGTH}}}")
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")
_HASH_LENGTH = 8


# An application has few names, and they recur: in each of its calls, and with every call of a tool in a history.
@lru_cache(maxsize=1024)
def wire_name(name: str) -> str:
    """Return a function's name in the form that Mistral accepts: letters, digits, _ and -, at most 64.

    A name that is too long, or has letters that Mistral does not accept, ends in a hash of the whole name: what is left
    of it may be left of another name too.
    """
    if _ALLOWED_NAME.fullmatch(name):
        return name
    allowed = _NOT_ALLOWED.sub("_", name)
    loses_letters = any(map(str.isalnum, _NOT_ALLOWED.findall(name)))
    if len(allowed) <= _MAX_NAME_LENGTH and not loses_letters:
        return allowed
    suffix = "_" + sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return allowed[: _MAX_NAME_LENGTH - len(suffix)] + suffix


def list_of_tools(tools: object) -> list[Any]:
    """Return the tools of a framework's call.

    Raises:
        InvalidRequestError: they are not a list, or one of them is None.
    """
    if not isinstance(tools, list) and (
        not isinstance(tools, Iterable) or isinstance(tools, str | Mapping)
    ):
        raise InvalidRequestError(f"tools must be a list of tools, got {type(tools).__name__}.")
    listed = list(tools)
    for at, tool in enumerate(listed):
        if tool is None:
            raise InvalidRequestError(
                f"tools[{at}] is None: a function that was to return the tool may have returned nothing."
            )
    return listed


def spell(
    tools: Sequence[Tool | Mapping[str, Any]],
) -> tuple[list[Tool | Mapping[str, Any]], dict[str, str]]:
    """Replace names of tools by names that Mistral accepts.

    Returns:
        The tools, and a mapping of the names that are sent to the caller's.

    Raises:
        InvalidRequestError: two tools would have the same name.
    """
    names: dict[str, str] = {}
    for tool in tools:
        if isinstance(tool, Tool):
            name = wire_name(tool.name)
            if name in names:
                raise InvalidRequestError(
                    f"Two tools, {names[name]!r} and {tool.name!r}, are both sent as {name!r}. Rename one of them."
                )
            names[name] = tool.name
    if [*names] == [*names.values()]:
        return list(tools), names
    return [
        replace(tool, name=wire_name(tool.name)) if isinstance(tool, Tool) else tool
        for tool in tools
    ], names

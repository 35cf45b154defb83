"""What can be asked of a model. Values only; a field that is None is not sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import Message

if TYPE_CHECKING:
    import httpx

    from portkey_mistral.config import Config

__all__ = [
    "CALL_OPTIONS",
    "CallOptions",
    "ChatRequest",
    "EmbeddingDtype",
    "EmbeddingRequest",
    "FIMRequest",
    "ModerationRequest",
    "Operation",
    "Request",
    "ResponseFormat",
    "Tool",
    "ToolChoice",
]

Operation: TypeAlias = Literal["chat", "fim", "embed", "moderate", "models"]
EmbeddingDtype: TypeAlias = Literal["float", "int8", "uint8", "binary", "ubinary"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. `parameters` is a JSON Schema of an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(
        default_factory=lambda: {"type": "object", "properties": {}}
    )
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`mode` as Mistral names it, or the one function that has to be called."""

    mode: Literal["auto", "none", "any", "required"] | None = None
    function: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """`json_object`, or `json_schema` with a name and a schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None

    @classmethod
    def read(cls, value: ResponseFormat | Mapping[str, Any]) -> ResponseFormat:
        """Read the form in which Mistral and OpenAI write it.

        Raises:
            InvalidRequestError: it is none of `text`, `json_object` and `json_schema`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One chat call. Ranges and defaults are Mistral's; see `portkey_mistral.generation`.

    `tools` may hold, besides `Tool`, a mapping in Mistral's own wire form (built-in tools). `extra` is
    sent as it is, next to the named fields and after them.
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
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FIMRequest:
    """One fill-in-the-middle call: the model writes what stands between `prompt` and `suffix`."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingRequest:
    """Texts to embed, any number of them: batching is the client's work.

    `inputs` may be any iterable; `Client.embed_iter` reads it as it goes, `Client.embed` all at once.

    With `encoding_format="base64"` the vectors come as `array.array` where the server takes part: a third of
    the bytes on the wire, a seventh of a list's memory, and numpy reads them without copying.
    """

    model: str
    inputs: Iterable[str]
    output_dimension: int | None = None
    output_dtype: EmbeddingDtype | None = None
    encoding_format: Literal["float", "base64"] | None = None
    metadata: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModerationRequest:
    """Texts, or one conversation, to classify for harm."""

    model: str
    inputs: Sequence[str] | None = None
    messages: Sequence[Message] | None = None


Request: TypeAlias = ChatRequest | FIMRequest | EmbeddingRequest | ModerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What may be said for one call only; None leaves the client's own setting in force.

    `timeout` has httpx's meaning and bounds one attempt; `portkey_config` takes every form that the
    setting takes; `portkey_metadata` is sent as `x-portkey-metadata` and read by conditional routing.
    What may hold a key is left out of the repr.
    """

    portkey_config: Config | Mapping[str, Any] | str | None = field(default=None, repr=False)
    trace_id: str | None = None
    portkey_metadata: Mapping[str, str] | None = None
    cache_namespace: str | None = None
    cache_force_refresh: bool | None = None
    forward_headers: Sequence[str] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    timeout: float | httpx.Timeout | None = None


CALL_OPTIONS = frozenset(option.name for option in fields(CallOptions))
"""Names of what may be said for one call only."""

"""Encodes a canonical body in the dialect of its target: Mistral's, OpenAI's, or that of servers compatible with OpenAI.

Those (vLLM, Ollama, llama.cpp) keep names that OpenAI's own API has replaced. Fields that a dialect does not have are left
out and named in `lost`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from portkey_mistral._api import PARAMETER_ALIASES, Operation, is_conversation
from portkey_mistral._providers import MISTRAL, OPENAI, owner_of
from portkey_mistral._wire.openai_schemas import strict_schema
from portkey_mistral._wire.parameters import drop_empty, resolve_aliases
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Dialect", "EncodedBody", "dialect_of", "encode"]

Dialect: TypeAlias = Literal["mistral", "openai", "openai-compatible"]


@dataclass(slots=True)
class EncodedBody:
    """A body in a dialect. `lost` names the fields that the dialect does not have."""

    body: dict[str, Any]
    lost: tuple[str, ...] = ()


def dialect_of(provider: str, custom_host: str | None) -> Dialect:
    """Return the dialect of a provider at its own host, or at a custom one."""
    if provider == MISTRAL:
        return "mistral"
    is_own = provider == OPENAI and (custom_host is None or owner_of(custom_host) == OPENAI)
    return "openai" if is_own else "openai-compatible"


def encode(
    body: Mapping[str, Any], overrides: Mapping[str, Any], dialect: Dialect, operation: Operation
) -> EncodedBody:
    """Merge overrides into a canonical body, and encode it in a dialect.

    The merge is shallow and the override wins, as in Portkey. An override may use either vendor's name; null removes a
    field.

    Raises:
        InvalidRequestError: the merged body requires a tool call but has no tools.
        ConfigurationError: the dialect has no such operation.
    """
    if dialect != "mistral":
        # Newer OpenAI models reject max_tokens, so an override of max_completion_tokens keeps its name.
        aliases = {
            name: own for name, own in PARAMETER_ALIASES.items() if name != "max_completion_tokens"
        }
        named = {aliases.get(name, name): value for name, value in overrides.items()}
        encoded = _to_openai(drop_empty({**body, **named}), operation, explicit=named.keys())
        is_chat = dialect == "openai" and operation == "chat"
        return _with_new_names(encoded, named.keys()) if is_chat else encoded
    if not overrides:
        return EncodedBody(dict(body))  # a canonical body has nothing to drop
    return EncodedBody(drop_empty({**body, **resolve_aliases(overrides)}))


# --- OpenAI -----------------------------------------------------------------------------------------

_OPENAI_NAMES: Mapping[str, str] = {"random_seed": "seed", "output_dimension": "dimensions"}

# Fields that only Mistral has, by operation: OpenAI's chat has a `metadata` of its own, its embeddings have none.
_MISTRAL_ONLY: Mapping[Operation, frozenset[str]] = {
    "chat": frozenset(
        {
            "safe_prompt",
            "prompt_mode",
            "min_tokens",
            "repetition_penalty",
            "top_k",
            "guardrails",
            "prompt_logprobs",
            "top_prompt_logprobs",
        }
    ),
    "embed": frozenset({"output_dtype", "metadata"}),
}
# A value that is OpenAI's default is not lost.
_OPENAI_DEFAULTS: Mapping[str, Any] = {"output_dtype": "float"}

# The first characters of base64 data, by format. OpenAI wants the format named, Mistral does not.
_AUDIO_FORMATS: Mapping[str, str] = {"UklGR": "wav", "SUQz": "mp3", "//": "mp3"}


# What OpenAI's API has no endpoint for.
_MISTRAL_OPERATIONS: Mapping[Operation, str] = {
    "fim": "fill-in-the-middle",
    "classify": "classification",
    "ocr": "OCR",
}


def _to_openai(
    body: Mapping[str, Any], operation: Operation, *, explicit: Collection[str]
) -> EncodedBody:
    """Encode a body. Fields in `explicit`, the target's own overrides, are always sent."""
    what = _MISTRAL_OPERATIONS.get(operation)
    if operation == "moderate" and is_conversation(body):
        what = "moderation of conversations"
    if what is not None:
        raise ConfigurationError(f"{what} needs a target with provider {MISTRAL!r}.")
    dropped = _MISTRAL_ONLY.get(operation, frozenset()) - frozenset(explicit)
    lost = {
        name
        for name in dropped & body.keys()
        if body[name] not in (None, False, _OPENAI_DEFAULTS.get(name))
    }
    encoded = {
        _OPENAI_NAMES.get(name, name): value for name, value in body.items() if name not in dropped
    }
    if "messages" in encoded:
        encoded["messages"] = [_message(message, lost) for message in encoded["messages"]]
    if encoded.get("tools"):
        encoded["tools"] = _tools(encoded["tools"], lost, strict="tools" not in explicit)
        encoded = drop_empty(encoded)
    if "response_format" in encoded and "response_format" not in explicit:
        encoded["response_format"] = _response_format(encoded["response_format"], lost)
    return EncodedBody(_with_openai_values(encoded), tuple(sorted(lost)))


def _with_new_names(encoded: EncodedBody, explicit: Collection[str]) -> EncodedBody:
    """Replace what OpenAI's own chat API deprecates or refuses, but for fields in `explicit`.

    Its reasoning models refuse `max_tokens`, and `metadata` is for stored completions only (OpenAI's API reference).
    """
    body, lost = dict(encoded.body), encoded.lost
    if "max_tokens" in body and "max_tokens" not in explicit:
        body["max_completion_tokens"] = body.pop("max_tokens")
    if body.get("metadata") and not body.get("store") and "metadata" not in explicit:
        del body["metadata"]
        lost = tuple(sorted({*lost, "metadata"}))
    return EncodedBody(body, lost)


def _with_openai_values(body: dict[str, Any]) -> dict[str, Any]:
    if body.get("tool_choice") == "any":
        body["tool_choice"] = "required"
    if body.get("service_tier") == "standard_only":
        body["service_tier"] = "default"
    if "max_completion_tokens" in body:
        body.pop("max_tokens", None)
    if body.get("stream"):
        # Without it OpenAI streams no usage. Mistral always does, and rejects the field.
        body.setdefault("stream_options", {"include_usage": True})
    return body


def _tools(tools: list[dict[str, Any]], lost: set[str], *, strict: bool) -> list[dict[str, Any]]:
    """Encode tools; those in strict mode get a schema in strict form."""
    functions = [tool for tool in tools if tool.get("type", "function") == "function"]
    lost |= {f"tools.{tool['type']}" for tool in tools if tool not in functions}
    encoded: list[dict[str, Any]] = [{"type": "function", **tool} for tool in functions]
    if not strict:
        return encoded
    return [
        {**tool, "function": _with_strict_schema(tool["function"], "parameters", "tools", lost)}
        for tool in encoded
    ]


def _response_format(value: Any, lost: set[str]) -> Any:
    match value:
        case {"json_schema": Mapping() as json_schema}:
            schema = _with_strict_schema(json_schema, "schema", "response_format", lost)
            return {**value, "json_schema": schema}
        case _:
            return value


def _with_strict_schema(
    holder: Mapping[str, Any], key: str, field: str, lost: set[str]
) -> Mapping[str, Any]:
    """Convert the schema of a strict function or answer to OpenAI's form, or else turn off strict mode."""
    schema = holder.get(key)
    if not holder.get("strict") or not isinstance(schema, Mapping):
        return holder
    strict = strict_schema(schema)
    if strict is None:
        lost.add(f"{field}.strict")
        return {**holder, "strict": False}
    lost |= {f"{field}.{keyword}" for keyword in strict.lost}
    return {**holder, key: strict.schema}


def _message(message: Mapping[str, Any], lost: set[str]) -> dict[str, Any]:
    encoded = {name: value for name, value in message.items() if name != "prefix"}
    if message.get("prefix"):
        lost.add("messages.prefix")
    if isinstance(message["content"], list):
        text_only = message["role"] in ("system", "assistant", "tool")
        encoded["content"] = _parts(message["content"], lost, text_only=text_only)
    return encoded


def _parts(parts: list[dict[str, Any]], lost: set[str], *, text_only: bool) -> list[Any] | str:
    encoded = []
    for part in parts:
        kept = None if text_only and part.get("type") != "text" else _part(part)
        if kept is None:
            lost.add(f"messages.{part.get('type')}")
        else:
            encoded.append(kept)
    return encoded or ""


def _part(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match part:
        case {"type": "text"} | {"type": "image_url", "image_url": Mapping()}:
            return part
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "image_url", "image_url": {"url": url}}
        case {"type": "document_url", "document_url": str(url)} if url.startswith("data:"):
            name = part.get("document_name") or "document.pdf"
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        case {"type": "input_audio", "input_audio": str(data)} if format_ := _audio_format(data):
            return {"type": "input_audio", "input_audio": {"data": data, "format": format_}}
        case _:
            return None


def _audio_format(data: str) -> str | None:
    return next((name for start, name in _AUDIO_FORMATS.items() if data.startswith(start)), None)

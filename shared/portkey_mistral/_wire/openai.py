"""The canonical body in OpenAI's dialect, and what it cannot say.

Spoken to OpenAI itself and to the servers that imitate it (vLLM, Ollama, llama.cpp).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from portkey_mistral._wire.mistral import settled
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import Operation

__all__ = ["to_openai"]

_NAMES: Mapping[str, str] = {"random_seed": "seed", "output_dimension": "dimensions"}

# Fields that only Mistral knows; said of an operation, because the endpoints differ.
_UNTELLABLE: Mapping[Operation, frozenset[str]] = {
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
# Saying nothing has the same effect as these.
_NO_LOSS: Mapping[str, Any] = {"output_dtype": "float"}

_AUDIO_FORMATS: Mapping[str, str] = {"UklGR": "wav", "SUQz": "mp3", "//": "mp3"}


def to_openai(
    body: Mapping[str, Any], operation: Operation, *, demanded: Collection[str] = ()
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the body in OpenAI's spelling, and the names of what had to be left out.

    Names that are `demanded` by the target's own `override_params` are sent whatever they are.

    Raises:
        ConfigurationError: OpenAI has no such operation.
    """
    if operation == "fim" or (operation == "moderate" and _is_conversation(body)):
        what = "fill-in-the-middle" if operation == "fim" else "moderation of conversations"
        raise ConfigurationError(f"{what} needs a target with provider 'mistral-ai'.")
    barred = _UNTELLABLE.get(operation, frozenset()) - frozenset(demanded)
    lost = {
        name for name in barred & body.keys() if body[name] not in (None, False, _NO_LOSS.get(name))
    }
    told = {_NAMES.get(name, name): value for name, value in body.items() if name not in barred}
    if "messages" in told:
        told["messages"] = [_message(message, lost) for message in told["messages"]]
    if told.get("tools"):
        told["tools"] = _tools(told["tools"], lost)
        told = settled(told)
    return _adjusted(told), tuple(sorted(lost))


def _is_conversation(body: Mapping[str, Any]) -> bool:
    return any(isinstance(item, Mapping) for item in body.get("input", ()))


def _adjusted(told: dict[str, Any]) -> dict[str, Any]:
    if told.get("tool_choice") == "any":
        told["tool_choice"] = "required"
    if told.get("service_tier") == "standard_only":
        told["service_tier"] = "default"
    if "max_completion_tokens" in told:
        told.pop("max_tokens", None)
    if told.get("stream"):
        # Without this OpenAI's streams tell no usage; Mistral's do, and refuse the field.
        told.setdefault("stream_options", {"include_usage": True})
    return told


def _tools(tools: list[dict[str, Any]], lost: set[str]) -> list[dict[str, Any]]:
    told = [tool for tool in tools if tool.get("type", "function") == "function"]
    lost |= {f"tools.{tool['type']}" for tool in tools if tool not in told}
    return [tool if "type" in tool else {"type": "function", **tool} for tool in told]


def _message(message: Mapping[str, Any], lost: set[str]) -> dict[str, Any]:
    told = {name: value for name, value in message.items() if name != "prefix"}
    if message.get("prefix"):
        lost.add("messages.prefix")
    if isinstance(message["content"], list):
        text_only = message["role"] in ("system", "assistant", "tool")
        told["content"] = _parts(message["content"], lost, text_only=text_only)
    return told


def _parts(parts: list[dict[str, Any]], lost: set[str], *, text_only: bool) -> list[Any] | str:
    told = []
    for part in parts:
        spelled = None if text_only and part.get("type") != "text" else _part(part)
        if spelled is None:
            lost.add(f"messages.{part.get('type')}")
        else:
            told.append(spelled)
    return told or ""


def _part(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    match part:
        case {"type": "text"} | {"type": "image_url", "image_url": Mapping()}:
            return part
        case {"type": "image_url", "image_url": str(url)}:
            return {"type": "image_url", "image_url": {"url": url}}
        case {"type": "document_url", "document_url": str(url)} if url.startswith("data:"):
            name = part.get("document_name") or "document.pdf"
            return {"type": "file", "file": {"filename": name, "file_data": url}}
        case {"type": "input_audio", "input_audio": str(data)} if form := _audio_format(data):
            return {"type": "input_audio", "input_audio": {"data": data, "format": form}}
        case _:
            return None


def _audio_format(data: str) -> str | None:
    """Tell the format of base64 sound from its first bytes: OpenAI wants it named, Mistral does not."""
    return next((form for start, form in _AUDIO_FORMATS.items() if data.startswith(start)), None)

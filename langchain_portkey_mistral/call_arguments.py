"""Sorts what is said for one call: model fields, tools, options of the call. Pure.

LangChain hands every argument of `invoke`, `bind` and `bind_tools` to the model as keywords. A name that
is none of ours is a mistake, not a parameter: what Mistral may add next goes through `model_kwargs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_portkey_mistral.messages_in import to_messages
from langchain_portkey_mistral.tools import to_tool, to_tool_choice, tool_choice_value, tool_dicts
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.generation import GenerationSettings
from portkey_mistral.requests import CallOptions, ChatRequest, ToolChoice
from portkey_mistral.tool_names import spell
from portkey_mistral.validation import argument_names

__all__ = ["OPTIONS", "chat_request", "refuse_unknown", "to_options"]

OPTIONS = frozenset(field.name for field in fields(CallOptions))
_FIELDS = frozenset(argument_names(GenerationSettings))
_OWN = frozenset({"tools", "tool_choice", "strict", "model_kwargs"})
# LangChain's own signals, which its core leaves among the arguments on some paths.
_SIGNALS = frozenset({"stream", "ls_structured_output_format", "structured_output_format"})


def chat_request(
    settings: GenerationSettings,
    messages: Sequence[BaseMessage],
    *,
    stop: Sequence[str] | None,
    model_kwargs: Mapping[str, Any],
    arguments: Mapping[str, Any],
) -> tuple[ChatRequest, Mapping[str, str]]:
    """Build the request of one call; its own arguments come before the fields of the object.

    Returns:
        The request, and a map from names of tools on the wire to the caller's own, where they differ.

    Raises:
        InvalidRequestError: an unknown argument (with the nearest known one), an empty conversation, or a
            message, tool or tool choice that cannot be sent.
    """
    refuse_unknown(arguments, _FIELDS | _OWN | _SIGNALS | OPTIONS)
    if not messages:
        raise InvalidRequestError(
            "The list of messages is empty; a conversation needs at least one."
        )
    said = {name: value for name, value in arguments.items() if name in _FIELDS}
    if stop is not None:
        said["stop"] = list(stop)
    known = settings.generation_fields(said)
    tools = tool_dicts(arguments.get("tools") or (), strict=arguments.get("strict"))
    spelled, names = spell([to_tool(tool) for tool in tools])
    request = ChatRequest(
        messages=to_messages(messages),
        tools=spelled,
        tool_choice=_tool_choice(arguments.get("tool_choice"), tools),
        extra={**model_kwargs, **(arguments.get("model_kwargs") or {})},
        **known,
    )
    return request, {wire: own for wire, own in names.items() if wire != own}


def _tool_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> ToolChoice | None:
    return to_tool_choice(tool_choice_value(choice, tools))


def to_options(arguments: Mapping[str, Any]) -> CallOptions:
    """Take Portkey's own arguments and the timeout of one call."""
    return CallOptions(**{name: value for name, value in arguments.items() if name in OPTIONS})


def refuse_unknown(arguments: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise for a name that no call takes."""
    faults = list(_unknown(arguments, known))
    if faults:
        text = "; ".join(faults)
        end = "" if text.endswith("?") else "."
        raise InvalidRequestError(
            f"{text}{end} What this package does not know of is passed as model_kwargs={{...}}."
        )


def _unknown(arguments: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for name in arguments:
        if name not in known:
            near = get_close_matches(name, sorted(known - _SIGNALS), n=1, cutoff=0.6)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            yield f"unknown argument {name!r}{hint}"

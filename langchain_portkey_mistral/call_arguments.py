"""Sorts what is said for one call: model fields, tools, options of the call. Pure.

LangChain hands every argument of `invoke`, `bind` and `bind_tools` to the model as keywords. A name that
is none of ours is a mistake, not a parameter: what Mistral may add next goes through `model_kwargs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_portkey_mistral.messages_in import to_messages
from langchain_portkey_mistral.tools import to_tool, to_tool_choice, tool_choice_value, tool_dicts
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.generation import GenerationSettings
from portkey_mistral.requests import CALL_OPTIONS, CallOptions, ChatRequest, Tool, ToolChoice
from portkey_mistral.settings import ONLY_AT_CONSTRUCTION
from portkey_mistral.tool_names import spell
from portkey_mistral.validation import argument_names, explain_unknown

__all__ = ["MODEL_ARGUMENTS", "chat_request", "refuse_unknown", "to_options"]

MODEL_ARGUMENTS = frozenset(argument_names(GenerationSettings))
_OF_TOOLS = frozenset({"tools", "tool_choice"})
_OWN = _OF_TOOLS | {"strict", "model_kwargs"}
# LangChain's own signals, which its core leaves among the arguments on some paths.
_SIGNALS = frozenset({"stream", "ls_structured_output_format", "structured_output_format"})
_KNOWN = MODEL_ARGUMENTS | _OWN | _SIGNALS | CALL_OPTIONS
_NO_OPTIONS = CallOptions()


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
    refuse_unknown(arguments, _KNOWN)
    if not messages:
        raise InvalidRequestError(
            "The list of messages is empty; a conversation needs at least one."
        )
    said = {name: value for name, value in arguments.items() if name in MODEL_ARGUMENTS}
    if stop is not None:
        said["stop"] = list(stop)
    known = settings.generation_fields(said)
    tools, choice, names = _tools(arguments)
    request = ChatRequest(
        messages=to_messages(messages),
        tools=tools,
        tool_choice=choice,
        extra={**model_kwargs, **(arguments.get("model_kwargs") or {})},
        **known,
    )
    return request, names


def _tools(
    arguments: Mapping[str, Any],
) -> tuple[Sequence[Tool | Mapping[str, Any]], ToolChoice | None, Mapping[str, str]]:
    """Read the tools, which of them to call, and the caller's names of those that are spelled otherwise."""
    if _OF_TOOLS.isdisjoint(arguments):
        return [], None, {}
    described = tool_dicts(arguments.get("tools") or (), strict=arguments.get("strict"))
    tools, names = spell([to_tool(tool) for tool in described])
    choice = to_tool_choice(tool_choice_value(arguments.get("tool_choice"), described))
    return tools, choice, {wire: own for wire, own in names.items() if wire != own}


def to_options(arguments: Mapping[str, Any]) -> CallOptions:
    """Take Portkey's own arguments and the timeout of one call."""
    said = {name: value for name, value in arguments.items() if name in CALL_OPTIONS}
    return CallOptions(**said) if said else _NO_OPTIONS


def refuse_unknown(arguments: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise for a name that no call takes."""
    for name in arguments:
        if name not in known:
            raise InvalidRequestError(
                explain_unknown(name, known - _SIGNALS, ONLY_AT_CONSTRUCTION, extras="model_kwargs")
            )

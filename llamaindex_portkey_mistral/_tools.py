"""Converts tools and tool choices to the core's, and reads tool calls from responses."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.calling import acall_tool_with_selection, call_tool_with_selection
from llama_index.core.tools.types import BaseTool, ToolMetadata, ToolOutput
from pydantic_core import from_json

from llamaindex_portkey_mistral._messages import tool_calls
from portkey_mistral.adapter_support import KeptSchemas
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import ToolCall
from portkey_mistral.requests import Tool, ToolChoice
from portkey_mistral.responses import TRUNCATED

__all__ = [
    "acall_selection",
    "call_selection",
    "to_tool",
    "to_tool_choice",
    "tool_outputs_response",
    "tool_selections",
    "wire_tool",
    "wire_tool_choice",
]

_logger = logging.getLogger(__name__)

_TOOL_FIELDS = ("description", "parameters", "strict")


def wire_tool(tool: object) -> Mapping[str, Any]:
    """Return a tool in Mistral's wire format, but under the caller's own name; a mapping is in that format already."""
    if isinstance(tool, Mapping):
        return tool
    if not isinstance(tool, BaseTool):
        raise _not_a_tool(tool)
    metadata = tool.metadata
    return {
        "type": "function",
        "function": {
            "name": metadata.get_name(),
            "description": metadata.description or "",
            "parameters": _parameters(metadata),
        },
    }


_kept = KeptSchemas()


def _parameters(metadata: ToolMetadata) -> Mapping[str, Any]:
    """Return the JSON Schema of a tool's arguments; other classes of metadata may write it as they like."""
    if isinstance(metadata.fn_schema, type) and type(metadata) is ToolMetadata:
        return _kept.get(metadata.fn_schema, metadata.get_parameters_dict)
    return metadata.get_parameters_dict()


def to_tool(tool: BaseTool | Tool | Mapping[str, Any]) -> Tool | Mapping[str, Any]:
    """Convert a tool given in any form; mappings of Mistral's built-in tools are returned unchanged."""
    match tool:
        case BaseTool():
            return to_tool(wire_tool(tool))
        case {"function": {"name": str(name), **rest}}:
            fields: dict[str, Any] = {key: rest[key] for key in _TOOL_FIELDS if key in rest}
            return Tool(name, **fields)
        case Tool() | Mapping():
            return tool
        case _:
            raise _not_a_tool(tool)


def _not_a_tool(value: object) -> InvalidRequestError:
    return InvalidRequestError(
        f"A tool must be a LlamaIndex tool or a mapping, got {type(value).__name__}. "
        "Wrap a function with FunctionTool.from_defaults(fn)."
    )


def to_tool_choice(choice: Any) -> ToolChoice | None:
    """Convert a tool choice: one of Mistral's modes, a tool's name, or a named tool in wire format."""
    match choice:
        case None | ToolChoice():
            return choice
        case "auto" | "none" | "any" | "required":
            return ToolChoice(mode=choice)
        case str(name) | {"function": {"name": str(name)}}:
            return ToolChoice(function=name)
        case _:
            raise InvalidRequestError(
                f"tool_choice must be 'auto', 'none', 'any', 'required' or the name of a tool, "
                f"got {choice!r}."
            )


def wire_tool_choice(choice: Any, *, required: bool) -> str | dict[str, Any] | None:
    """Return a tool choice in wire format. With None, `required` decides: core passes both arguments."""
    tool_choice = to_tool_choice(choice)
    if tool_choice is None:
        return "any" if required else None
    if tool_choice.function is not None:
        return {"type": "function", "function": {"name": tool_choice.function}}
    return tool_choice.mode


def tool_selections(response: ChatResponse) -> list[ToolSelection]:
    """Return the tool calls of a response or of a stream item; never raises.

    The arguments of a stream item are those received so far. In any other response, one that was made of a stored
    message too, a call whose arguments are not a JSON object gets a name that no tool has: core treats such arguments as
    empty and runs the tool, whereas an unknown name is an error that every agent shows to the model.
    """
    extra = response.additional_kwargs
    if response.delta is not None and "finish_reason" not in extra:
        return [
            ToolSelection(
                tool_id=call.id or "", tool_name=call.name, tool_kwargs=_received(call.arguments)
            )
            for call in tool_calls(response.message)
        ]
    truncated = extra.get("finish_reason") in TRUNCATED
    return [_selection(call, truncated=truncated) for call in tool_calls(response.message)]


def call_selection(
    selection: ToolSelection, tools: Sequence[BaseTool], *, verbose: bool
) -> ToolOutput:
    """Run the selected tool; a selection that names none of the tools is an error output."""
    if selected := _named(selection.tool_name, tools):
        return call_tool_with_selection(selection, selected, verbose=verbose)
    return _unknown_tool(selection)


async def acall_selection(
    selection: ToolSelection, tools: Sequence[BaseTool], *, verbose: bool
) -> ToolOutput:
    """Run the selected tool; see `call_selection`."""
    if selected := _named(selection.tool_name, tools):
        return await acall_tool_with_selection(selection, selected, verbose=verbose)
    return _unknown_tool(selection)


def tool_outputs_response(
    response: ChatResponse, outputs: list[ToolOutput], *, error_on_tool_error: bool
) -> AgentChatResponse:
    """Join the outputs of a response's tool calls.

    Raises:
        ValueError: `error_on_tool_error` is set and an output is an error.
    """
    text = "\n\n".join(output.content for output in outputs)
    if error_on_tool_error and any(output.is_error for output in outputs):
        raise ValueError(text)
    return AgentChatResponse(
        response=text if outputs else response.message.content or "", sources=outputs
    )


def _received(arguments: str) -> dict[str, Any]:
    try:
        value = from_json(arguments, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _selection(call: ToolCall, *, truncated: bool) -> ToolSelection:
    name = call.name
    try:
        arguments = call.parse_arguments(truncated=truncated)
    except ValueError as error:
        _logger.warning("The model's arguments for tool %s are not a JSON object: %s", name, error)
        reason = "were cut off at max_tokens" if truncated else f"are not a JSON object: {error}"
        name = f"{name} (not run: its arguments {reason}; call it with one complete JSON object)"
        arguments = {"INVALID_JSON": call.arguments}
    return ToolSelection(tool_id=call.id or "", tool_name=name, tool_kwargs=arguments)


def _named(name: str, tools: Sequence[object]) -> list[BaseTool]:
    """Return the tool of this name, if there is one. Mappings, which Mistral runs itself, are left out."""
    return [tool for tool in tools if isinstance(tool, BaseTool) and tool.metadata.name == name]


def _unknown_tool(selection: ToolSelection) -> ToolOutput:
    # The text of core's agents for the same error.
    text = f"Tool {selection.tool_name} not found. Please select a tool that is available."
    return ToolOutput(
        content=text,
        tool_name=selection.tool_name,
        raw_input=selection.tool_kwargs,
        raw_output=text,
        is_error=True,
    )

"""Tools, tool choice and tool calls between LlamaIndex and the core."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool
from pydantic_core import from_json

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool, ToolChoice

__all__ = [
    "selections",
    "to_tool",
    "to_tool_choice",
    "wire_tool",
    "wire_tool_choice",
]

_logger = logging.getLogger(__name__)

_TOOL_FIELDS = ("description", "parameters", "strict")


def wire_tool(tool: object) -> dict[str, Any]:
    """Describe a tool as it goes over the wire, but under the caller's own name."""
    if not isinstance(tool, BaseTool):
        raise _no_tool(tool)
    metadata = tool.metadata
    return {
        "type": "function",
        "function": {
            "name": metadata.get_name(),
            "description": metadata.description or "",
            "parameters": metadata.get_parameters_dict(),
        },
    }


def to_tool(tool: BaseTool | Tool | Mapping[str, Any]) -> Tool | Mapping[str, Any]:
    """Read a tool in any form; Mistral's built-in tools stay as they are."""
    match tool:
        case BaseTool():
            return to_tool(wire_tool(tool))
        case {"function": {"name": str(name), **rest}}:
            fields: dict[str, Any] = {key: rest[key] for key in _TOOL_FIELDS if key in rest}
            return Tool(name, **fields)
        case Tool() | Mapping():
            return tool
        case _:
            raise _no_tool(tool)


def _no_tool(found: object) -> InvalidRequestError:
    return InvalidRequestError(
        f"A tool must be a LlamaIndex tool or a mapping, got {type(found).__name__}. "
        "Wrap a function with FunctionTool.from_defaults(fn)."
    )


def to_tool_choice(choice: Any) -> ToolChoice | None:
    """Read a tool choice: one of Mistral's words, a tool's name, or the wire's form of a named tool."""
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
    """Spell a choice for the wire. None leaves it to `required`, because core passes both at once."""
    read = to_tool_choice(choice)
    if read is None:
        return "any" if required else None
    if read.function is not None:
        return {"type": "function", "function": {"name": read.function}}
    return read.mode


def selections(response: ChatResponse) -> list[ToolSelection]:
    """Read the tool calls of an answer, or of a part of one; never raises.

    Within a stream the arguments are read as far as they have come. In a finished answer arguments that
    are no JSON object become `{}`: a tool must not run on half an argument.
    """
    finished = "finish_reason" in response.additional_kwargs
    return [
        ToolSelection(
            tool_id=id_ or "",
            tool_name=name or "",
            tool_kwargs=_arguments(name, arguments, finished),
        )
        for id_, name, arguments in _calls(response)
    ]


def _calls(response: ChatResponse) -> Iterator[tuple[str | None, str | None, Any]]:
    blocks = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        yield from ((block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks)
        return
    for call in response.message.additional_kwargs.get("tool_calls") or ():
        if isinstance(call, Mapping):
            function = call.get("function") or {}
            yield call.get("id"), function.get("name"), function.get("arguments")


def _arguments(name: str | None, arguments: Any, finished: bool) -> dict[str, Any]:
    if not isinstance(arguments, str):
        return arguments if isinstance(arguments, dict) else {}
    try:
        value = from_json(
            arguments or "{}", allow_partial=False if finished else "trailing-strings"
        )
    except ValueError as error:
        if finished:
            _logger.warning("The model's arguments for tool %s are not JSON: %s", name, error)
        return {}
    return value if isinstance(value, dict) else {}

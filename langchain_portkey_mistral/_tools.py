"""Converts tools and `tool_choice`, in every format that LangChain users pass, to the core's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from langchain_portkey_mistral._schemas import ToolLike, to_function, to_response_format
from portkey_mistral.adapter_support import did_you_mean, drop_none
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool, ToolChoice, list_of_tools, wire_name

__all__ = ["ToolLike", "bound_tools", "to_tool", "to_tool_choice", "to_tool_dicts"]

ToolChoiceLike: TypeAlias = str | bool | Mapping[str, Any] | None
ToolDict: TypeAlias = Mapping[str, Any]

# Tools that run on Mistral's servers; they have no schema.
_BUILT_IN_TOOLS = frozenset(
    {
        "code_interpreter",
        "connector",
        "document_library",
        "image_generation",
        "web_search",
        "web_search_premium",
    }
)
# `dict` comes first: a check against the abstract class alone takes ten times as long.
_MAPPINGS = (dict, Mapping)
_Mode: TypeAlias = Literal["auto", "none", "any", "required"]
_MODES = get_args(_Mode)


def bound_tools(
    tools: Sequence[ToolLike],
    *,
    tool_choice: ToolChoiceLike,
    strict: bool | None,
    parallel_tool_calls: bool | None,
    response_format: Mapping[str, Any] | type | None,
) -> dict[str, Any]:
    """Return the arguments to bind for `bind_tools`.

    Raises:
        InvalidRequestError: `tool_choice` names no tool.
    """
    tool_dicts = to_tool_dicts(tools, strict=strict)
    names = [tool["function"]["name"] for tool in tool_dicts if "function" in tool]
    return drop_none(
        # Mistral refuses an empty list of tools.
        tools=tool_dicts or None,
        tool_choice=_normalized_choice(tool_choice, names, any_tools=bool(tool_dicts)),
        parallel_tool_calls=parallel_tool_calls,
        response_format=_strict_format(response_format),
    )


def _strict_format(response_format: Mapping[str, Any] | type | None) -> Any:
    """Make a schema strict unless it sets `strict` itself, as in `with_structured_output`.

    `create_agent` passes its schemas here, without `strict` by default.
    """
    match to_response_format(response_format):
        case {"json_schema": Mapping() as json_schema, **others} if (
            json_schema.get("strict") is None
        ):
            return {**others, "json_schema": {**json_schema, "strict": True}}
        case converted:
            return converted


# --- tools


def to_tool_dicts(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Convert tools to OpenAI's format, which LangChain's middleware and traces expect."""
    return [_tool_dict(tool, strict) for tool in list_of_tools(tools)]


def _tool_dict(tool: ToolLike, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        if tool.get("type") in _BUILT_IN_TOOLS:
            return dict(tool)
        if isinstance(tool.get("function"), Mapping):
            function = {**tool["function"], **drop_none(strict=strict)}
            # Mistral accepts a tool without `type`; LangChain does not recognise one.
            return {**tool, "type": "function", "function": function}
    return {"type": "function", "function": to_function(tool, strict=strict)}


def to_tool(tool: ToolLike, *, strict: bool | None = None) -> Tool | ToolDict:
    """Convert a tool to the core's; a built-in tool of Mistral's is returned unchanged."""
    if isinstance(tool, _MAPPINGS):
        if tool.get("type") in _BUILT_IN_TOOLS:
            return tool
        function = tool.get("function")
    else:
        function = None
    if not isinstance(function, _MAPPINGS):
        function = to_function(tool)
    return Tool(
        name=function["name"],
        description=function.get("description", ""),
        parameters=function.get("parameters") or {"type": "object", "properties": {}},
        strict=function.get("strict") if strict is None else strict,
    )


# --- tool choice


def to_tool_choice(choice: ToolChoiceLike, tools: Sequence[Tool | ToolDict]) -> ToolChoice | None:
    """Convert a tool choice.

    Raises:
        InvalidRequestError: it names none of the tools, or there are no tools.
    """
    if choice is None:
        return None
    names = [tool.name for tool in tools if isinstance(tool, Tool)]
    match _normalized_choice(choice, names, any_tools=bool(tools)):
        case None:
            return None
        case "auto" | "none" | "any" | "required" as mode:
            return ToolChoice(mode=mode)
        case function:
            return ToolChoice(function=wire_name(function["function"]["name"]))


def _normalized_choice(
    choice: ToolChoiceLike, names: Sequence[str], *, any_tools: bool
) -> _Mode | dict[str, Any] | None:
    """Return a choice as Mistral's API spells it: a mode, or the function to call. True means "any"."""
    match choice:
        case None | False:
            return None
        case True:
            normalized: _Mode | dict[str, Any] = "any"
        case "auto" | "none" | "any" | "required":
            normalized = choice
        case str(name) | {"function": {"name": str(name)}} | {"name": str(name)}:
            normalized = _named_function(name, names)
        case {"type": "auto" | "none" | "any" | "required" as mode}:
            normalized = mode
        case _:
            raise InvalidRequestError(
                f"tool_choice={choice!r} is not supported; pass 'auto', 'none', 'any', 'required', True, the "
                "name of a tool, or {'type': 'function', 'function': {'name': ...}}."
            )
    if any_tools:
        return normalized
    # Mistral refuses a choice without tools.
    if normalized in ("auto", "none"):
        return None
    raise InvalidRequestError(f"tool_choice={normalized!r} needs tools, and there are none.")


def _named_function(name: str, names: Sequence[str]) -> dict[str, Any]:
    if name not in names:
        hint = did_you_mean(name, [*names, *_MODES], otherwise=f"the tools are {names}.")
        raise InvalidRequestError(f"tool_choice={name!r} is not the name of a tool; {hint}")
    return {"type": "function", "function": {"name": name}}

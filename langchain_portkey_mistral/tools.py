"""Maps tools and `tool_choice` in all their spellings to the core's. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool, ToolChoice
from portkey_mistral.tool_names import wire_name

__all__ = ["ToolLike", "to_tool", "to_tool_choice", "tool_choice_value", "tool_dicts"]

ToolLike: TypeAlias = Mapping[str, Any] | type | Callable[..., Any] | BaseTool

# Tools that Mistral runs itself go to it as they are.
_BUILT_IN = frozenset(
    {
        "code_interpreter",
        "connector",
        "document_library",
        "image_generation",
        "web_search",
        "web_search_premium",
    }
)
_MODES: Mapping[str, Any] = {
    "auto": "auto",
    "none": "none",
    "any": "any",
    "required": "required",
}


def tool_dicts(tools: Sequence[ToolLike], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Describe tools as LangChain's middleware and traces expect them: in OpenAI's form."""
    return [_tool_dict(tool, strict) for tool in tools]


def _tool_dict(tool: ToolLike, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, Mapping):
        if tool.get("type") in _BUILT_IN:
            return dict(tool)
        if isinstance(tool.get("function"), Mapping):
            # Mistral lets `type` out; LangChain would not know such a tool again.
            tool = {**tool, "type": "function"}
            function = dict(tool["function"])
            return {
                **tool,
                "function": function if strict is None else function | {"strict": strict},
            }
        tool = dict(tool)
    return convert_to_openai_tool(tool, strict=strict)


def to_tool(described: Mapping[str, Any]) -> Tool | Mapping[str, Any]:
    """Map one described tool; Mistral's own tools stay as they are."""
    if described.get("type") in _BUILT_IN:
        return described
    function = described["function"]
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return Tool(
        name=function["name"],
        description=function.get("description", ""),
        parameters=parameters,
        strict=function.get("strict"),
    )


def tool_choice_value(
    choice: str | bool | Mapping[str, Any] | None, tools: Sequence[Mapping[str, Any]]
) -> str | dict[str, Any] | None:
    """Bring every spelling of `tool_choice` into Mistral's: a mode, or the function that is forced.

    None and False leave the choice to the model; True means any tool.

    Raises:
        InvalidRequestError: a name that none of the tools has, or a choice without tools.
    """
    match choice:
        case None | False:
            return None
        case True:
            value: str | dict[str, Any] = "any"
        case str():
            value = _by_name(choice, tools)
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            value = _forced(name, tools)
        case {"type": str(mode)} if mode in _MODES:
            value = mode
        case _:
            raise InvalidRequestError(
                f"tool_choice={choice!r} is not understood; pass 'auto', 'none', 'any', 'required', True, "
                "a tool's name, or {'type': 'function', 'function': {'name': ...}}."
            )
    return _with_tools(value, tools)


def _by_name(choice: str, tools: Sequence[Mapping[str, Any]]) -> str | dict[str, Any]:
    return choice if choice in _MODES else _forced(choice, tools)


def _forced(name: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [tool["function"]["name"] for tool in tools if "function" in tool]
    if name not in names:
        near = get_close_matches(name, [*names, *_MODES], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the tools are {names}."
        raise InvalidRequestError(f"tool_choice={name!r} names no tool; {hint}")
    return {"type": "function", "function": {"name": name}}


def _with_tools(
    value: str | dict[str, Any], tools: Sequence[Mapping[str, Any]]
) -> str | dict[str, Any] | None:
    """Mistral refuses a choice without tools; one that forces nothing can be left out."""
    if tools:
        return value
    if value in ("auto", "none"):
        return None
    raise InvalidRequestError(f"tool_choice={value!r} needs tools, and there are none.")


def to_tool_choice(value: str | Mapping[str, Any] | None) -> ToolChoice | None:
    """Map what `tool_choice_value` gave."""
    match value:
        case None:
            return None
        case str():
            return ToolChoice(mode=_MODES[value])
        case _:
            return ToolChoice(function=wire_name(value["function"]["name"]))

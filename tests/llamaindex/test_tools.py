"""Tools, choices and calls."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.tools import FunctionTool

from llamaindex_portkey_mistral.tools import (
    selections,
    to_tool,
    to_tool_choice,
    wire_tool_choice,
)
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import Tool, ToolChoice


def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


def test_a_function_tool_keeps_its_schema():
    tool = to_tool(FunctionTool.from_defaults(add))
    assert isinstance(tool, Tool)
    assert (tool.name, tool.parameters["required"]) == ("add", ["a"])
    assert tool.parameters["properties"]["b"]["default"] == 0
    assert "Add two numbers." in tool.description


def test_a_wire_tool_is_read_and_a_builtin_one_left_alone():
    wire = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}
    assert to_tool(wire) == Tool("f", "", {}, strict=True)
    assert to_tool({"type": "web_search"}) == {"type": "web_search"}


def test_a_bare_function_says_how_to_make_it_a_tool():
    with pytest.raises(InvalidRequestError, match=r"FunctionTool\.from_defaults"):
        to_tool(add)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", ToolChoice(mode="auto")),
        ("none", ToolChoice(mode="none")),
        ("any", ToolChoice(mode="any")),
        ("required", ToolChoice(mode="required")),
        ("add", ToolChoice(function="add")),
        ({"type": "function", "function": {"name": "add"}}, ToolChoice(function="add")),
    ],
)
def test_every_form_of_tool_choice_is_read(choice, expected):
    assert to_tool_choice(choice) == expected


def test_an_odd_tool_choice_names_the_forms():
    with pytest.raises(InvalidRequestError, match="'auto', 'none', 'any', 'required' or the name"):
        to_tool_choice(7)


@pytest.mark.parametrize(
    ("choice", "required", "expected"),
    [
        (None, False, None),
        (None, True, "any"),
        ("auto", True, "auto"),
        ("add", True, {"type": "function", "function": {"name": "add"}}),
    ],
)
def test_no_choice_leaves_it_to_required(choice, required, expected):
    assert wire_tool_choice(choice, required=required) == expected


def answer(arguments: object, *, finished: bool) -> ChatResponse:
    block = ToolCallBlock(tool_call_id=None, tool_name="f", tool_kwargs=arguments)
    return ChatResponse(
        message=ChatMessage(role="assistant", blocks=[block]),
        additional_kwargs={"finish_reason": "tool_calls"} if finished else {},
    )


@pytest.mark.parametrize(
    ("arguments", "partial", "final"),
    [
        ({"a": 1}, {"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}, {"a": 1}),
        ('{"a": 1, "b": "x', {"a": 1, "b": "x"}, {}),
        ("", {}, {}),
        ("nonsense", {}, {}),
        ("[1]", {}, {}),
    ],
)
def test_arguments_are_read_as_far_as_they_go_but_never_run_by_halves(arguments, partial, final):
    assert selections(answer(arguments, finished=False))[0].tool_kwargs == partial
    assert selections(answer(arguments, finished=True))[0].tool_kwargs == final


def test_malformed_arguments_are_logged(caplog):
    selections(answer('{"a": ', finished=True))
    assert "arguments for tool f are not JSON" in caplog.text


def test_calls_are_found_in_additional_kwargs_too():
    message = ChatMessage(
        role="assistant",
        additional_kwargs={
            "tool_calls": [{"id": "i", "function": {"name": "f", "arguments": '{"a":1}'}}]
        },
    )
    (found,) = selections(ChatResponse(message=message))
    assert (found.tool_id, found.tool_name, found.tool_kwargs) == ("i", "f", {"a": 1})

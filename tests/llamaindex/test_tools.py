"""Tools, tool choices and tool calls."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.tools import FunctionTool, ToolMetadata
from pydantic.json_schema import GenerateJsonSchema

from llamaindex_portkey_mistral._tools import (
    to_tool,
    to_tool_choice,
    tool_selections,
    wire_tool,
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


def test_a_wire_tool_is_converted_and_a_builtin_one_is_not():
    wire = {"type": "function", "function": {"name": "f", "parameters": {}, "strict": True}}
    assert to_tool(wire) == Tool("f", "", {}, strict=True)
    assert (
        to_tool({"type": "web_search"})
        == wire_tool({"type": "web_search"})
        == {"type": "web_search"}
    )


def test_a_schema_is_not_written_again_at_the_next_step_of_an_agent(monkeypatch):
    tool = FunctionTool.from_defaults(lambda city: city, name="forecast", description="Forecast.")
    first = wire_tool(tool)
    first["function"]["parameters"]["properties"]["city"]["title"] = "changed by its caller"
    monkeypatch.setattr(GenerateJsonSchema, "generate", None)
    second = wire_tool(tool)
    assert second["function"]["parameters"] == {
        "type": "object",
        "properties": {"city": {"title": "City"}},
        "required": ["city"],
    }


def test_other_classes_of_metadata_write_their_own_schema():
    class Own(ToolMetadata):
        def get_parameters_dict(self):
            return {"type": "object", "properties": {"own": {}}}

    tool = FunctionTool(lambda own: own, metadata=Own(description="d", name="n"))
    assert wire_tool(tool)["function"]["parameters"]["properties"] == {"own": {}}


def test_a_bare_function_is_an_error():
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


def test_an_invalid_tool_choice_is_an_error():
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
def test_without_a_choice_required_decides(choice, required, expected):
    assert wire_tool_choice(choice, required=required) == expected


def answer(arguments: object, *, finished: bool) -> ChatResponse:
    block = ToolCallBlock(tool_call_id=None, tool_name="f", tool_kwargs=arguments)
    return ChatResponse(
        message=ChatMessage(role="assistant", blocks=[block]),
        delta=None if finished else "",
        additional_kwargs={"finish_reason": "tool_calls"} if finished else {},
    )


@pytest.mark.parametrize(
    ("arguments", "received"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1, "b": "x', {"a": 1, "b": "x"}),
        ("", {}),
        ("nonsense", {}),
        ("[1]", {}),
    ],
)
def test_the_arguments_of_a_stream_item_are_read_as_far_as_received(arguments, received):
    assert tool_selections(answer(arguments, finished=False))[0].tool_kwargs == received


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), ("", {}), ("null", {})],
)
def test_arguments_of_a_complete_answer_are_an_object(arguments, expected):
    (selection,) = tool_selections(answer(arguments, finished=True))
    assert (selection.tool_name, selection.tool_kwargs) == ("f", expected)


@pytest.mark.parametrize("arguments", ['{"a": 1, "b": "x', "nonsense", "[1]", '{"a": NaN}'])
def test_broken_arguments_select_no_tool_and_are_logged(arguments, caplog):
    (selection,) = tool_selections(answer(arguments, finished=True))
    assert selection.tool_name.startswith("f (not run: its arguments are not a JSON object: ")
    assert selection.tool_kwargs == {"INVALID_JSON": arguments}
    assert "arguments for tool f are not a JSON object" in caplog.text


def test_calls_are_found_in_additional_kwargs_too():
    message = ChatMessage(
        role="assistant",
        additional_kwargs={
            "tool_calls": [{"id": "i", "function": {"name": "f", "arguments": '{"a":1}'}}]
        },
    )
    (found,) = tool_selections(ChatResponse(message=message))
    assert (found.tool_id, found.tool_name, found.tool_kwargs) == ("i", "f", {"a": 1})

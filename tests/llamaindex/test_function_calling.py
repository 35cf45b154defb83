"""`chat_with_tools` and the methods built on it."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from portkey_mistral.sandbox import Call, Fault

METHODS = (
    "chat_with_tools",
    "achat_with_tools",
    "stream_chat_with_tools",
    "astream_chat_with_tools",
)
TWO = (Call("add", '{"a": 1, "b": 2}'), Call("add", '{"a": 3, "b": 4}'))


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
ODD = FunctionTool.from_defaults(lambda: "found", name="my docs", description="Search.")


CHOICES = (
    ({}, None),
    ({"tool_required": True}, "any"),
    ({"tool_choice": None, "tool_required": True}, "any"),
    ({"tool_choice": "auto"}, "auto"),
    ({"tool_choice": "add"}, {"type": "function", "function": {"name": "add"}}),
)


@pytest.mark.parametrize("method", METHODS)
async def test_the_tool_choice_is_sent(llm, mistral_sandbox, ask, bodies, method):
    for kwargs, choice in CHOICES:
        mistral_sandbox.reply("", calls=TWO[:1])
        await ask(llm, method, [ADD], user_msg="1 + 2?", **kwargs)
        sent = bodies()[-1]
        assert sent.get("tool_choice") == choice
        assert sent["parallel_tool_calls"] is False
        assert sent["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]


SUB = {"type": "function", "function": {"name": "sub", "description": "", "parameters": {}}}


@pytest.mark.parametrize("method", METHODS)
async def test_a_tool_may_be_a_mapping(llm, mistral_sandbox, ask, bodies, method):
    mistral_sandbox.reply("", calls=TWO[:1])
    await ask(llm, method, [SUB, ADD], user_msg="1 + 2?")
    assert [tool["function"]["name"] for tool in bodies()[0]["tools"]] == ["sub", "add"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("parallel", "count"), [(True, 2), (False, 1)])
async def test_parallel_calls_come_as_allowed(llm, mistral_sandbox, ask, method, parallel, count):
    mistral_sandbox.reply("Let me add.", calls=TWO)
    mistral_sandbox.inject(Fault(split_calls=True))

    items = await ask(llm, method, [ADD], user_msg="?", allow_parallel_tool_calls=parallel)

    calls = llm.get_tool_calls_from_response(items[-1])
    assert [call.tool_kwargs for call in calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}][:count]
    assert all(len(call.tool_id) == 9 for call in calls)
    assert len(items[-1].message.additional_kwargs["tool_calls"]) == count
    assert items[-1].message.content == "Let me add."
    for item in items:
        assert len(llm.get_tool_calls_from_response(item, error_on_no_tool_call=False)) <= count


@pytest.mark.parametrize("method", METHODS)
async def test_illegal_names_are_replaced_and_mapped_back(
    llm, mistral_sandbox, ask, bodies, method
):
    mistral_sandbox.reply("", calls=[Call("my_docs")])
    items = await ask(llm, method, [ODD], user_msg="?", tool_choice="my docs")
    assert bodies()[0]["tools"][0]["function"]["name"] == "my_docs"
    assert llm.get_tool_calls_from_response(items[-1])[0].tool_name == "my docs"

    history = [
        ChatMessage(role="user", content="?"),
        items[-1].message,
        ChatMessage(
            role="tool",
            content="found",
            additional_kwargs={"tool_call_id": items[-1].message.blocks[0].tool_call_id},
        ),
    ]
    await ask(llm, "chat", history)
    assert bodies()[1]["messages"][1]["tool_calls"][0]["function"]["name"] == "my_docs"


LONG = "look_up_the_weather_of_tomorrow_in_a_city_of_the_list_of_cities__"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "names", [(LONG + "in_the_north", LONG + "in_the_south"), ("查询天气", "查询股票")]
)
async def test_tools_with_names_that_are_alike_for_mistral_both_work(
    llm, ask, bodies, names, method
):
    tools = [FunctionTool.from_defaults(lambda: "", name=name, description="?") for name in names]
    for name in names:
        items = await ask(llm, method, tools, user_msg="?", tool_choice=name)
        (call,) = llm.get_tool_calls_from_response(items[-1])
        assert call.tool_name == name
    assert len({tool["function"]["name"] for tool in bodies()[0]["tools"]}) == 2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("arguments", ["null", ""])
async def test_a_call_without_arguments_has_an_empty_object(
    llm, mistral_sandbox, ask, method, arguments
):
    mistral_sandbox.reply("", calls=[Call("my_docs", arguments)])
    items = await ask(llm, method, [ODD], user_msg="?")
    for item in items:
        for call in llm.get_tool_calls_from_response(item, error_on_no_tool_call=False):
            assert (call.tool_name, call.tool_kwargs) == ("my docs", {})
    stored = items[-1].message.additional_kwargs["tool_calls"][0]["function"]
    assert (stored["arguments"], items[-1].message.blocks[-1].tool_kwargs) == ("{}", {})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("arguments", ['{"a": 1, "b', "[1]", "look it up"])
async def test_invalid_arguments_are_shown_as_they_came(
    llm, mistral_sandbox, ask, method, arguments
):
    mistral_sandbox.reply("", calls=[Call("add", arguments)], finish_reason="length")
    items = await ask(llm, method, [ADD], user_msg="?")
    message = items[-1].message
    assert message.blocks[-1].tool_kwargs == arguments
    assert message.additional_kwargs["tool_calls"][0]["function"]["arguments"] == arguments
    (selection,) = llm.get_tool_calls_from_response(items[-1])
    assert selection.tool_kwargs == {"INVALID_JSON": arguments}


@pytest.mark.parametrize("method", METHODS)
async def test_a_stored_message_has_no_valid_call_with_broken_arguments(
    llm, mistral_sandbox, ask, method
):
    mistral_sandbox.reply("", calls=[Call("add", '{"a": 1, "b')])
    items = await ask(llm, method, [ADD], user_msg="?")
    stored = ChatMessage.model_validate_json(items[-1].message.model_dump_json())
    (selection,) = llm.get_tool_calls_from_response(ChatResponse(message=stored))
    assert selection.tool_name.startswith("add (not run")


@pytest.mark.parametrize("method", METHODS)
async def test_the_history_is_not_changed(llm, ask, method):
    history = [ChatMessage(role="user", content="Hi")]
    await ask(llm, method, [ADD], user_msg="And?", chat_history=history)
    assert history == [ChatMessage(role="user", content="Hi")]


def test_a_missing_call_is_an_error_that_quotes_the_answer(llm, mistral_sandbox):
    mistral_sandbox.reply("I would rather not.")
    answer = llm.chat_with_tools([ADD], user_msg="?")
    with pytest.raises(ValueError, match="I would rather not"):
        llm.get_tool_calls_from_response(answer)
    assert llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False) == []


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
async def test_predict_and_call_runs_the_tool(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply("", calls=TWO)
    (response,) = await ask(llm, method, [ADD], user_msg="1 + 2?")
    assert response.response == "3"


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
@pytest.mark.parametrize(
    "call", [Call("maybe", '{"a": 1, "b'), Call("maybe", "[1]"), Call("sub", "{}")]
)
async def test_predict_and_call_returns_an_error_for_a_call_that_cannot_be_run(
    llm, mistral_sandbox, ask, method, call
):
    ran = []
    maybe = FunctionTool.from_defaults(lambda a=0: ran.append(a), name="maybe", description="Add.")
    mistral_sandbox.reply("", calls=[call, Call("maybe", '{"a": 2}')], times=2)

    arguments = {"user_msg": "?", "allow_parallel_tool_calls": True}
    (response,) = await ask(llm, method, [SUB, maybe], **arguments)
    assert ran == [2]
    assert [output.is_error for output in response.sources] == [True, False]
    assert f"Tool {call.name}" in response.response

    with pytest.raises(ValueError, match=f"Tool {call.name}.* not found"):
        await ask(llm, method, [maybe], error_on_tool_error=True, **arguments)


class Options(BaseModel):
    """All of it is optional, so that nothing would do."""

    verbose: bool = False


@pytest.mark.parametrize("finish_reason", ["length", "tool_calls"])
def test_a_program_of_core_makes_no_object_of_broken_arguments(llm, mistral_sandbox, finish_reason):
    call = Call("Options", '{"verb')
    mistral_sandbox.reply("", calls=[call], finish_reason=finish_reason)
    program = FunctionCallingProgram.from_defaults(Options, prompt_template_str="?", llm=llm)
    try:
        made = program()
    except ValueError as error:
        made = error  # older versions of core return the text of the error
    assert not isinstance(made, Options)
    assert "not run: its arguments" in str(made)


@pytest.mark.parametrize("method", METHODS)
async def test_no_tools_is_a_plain_chat(llm, ask, bodies, method):
    await ask(llm, method, [], user_msg="Hi", tool_required=True)
    assert bodies()[0].keys() <= {"model", "messages", "stream"}


@pytest.mark.parametrize("model", ["mistral-small-latest", "a-model-of-tomorrow", "@slug/whatever"])
def test_unknown_models_are_taken_to_call_functions(make_llm, model):
    assert make_llm(model=model).metadata.is_function_calling_model

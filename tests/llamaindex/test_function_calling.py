"""`chat_with_tools` and its family."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("kwargs", "choice"),
    [
        ({}, None),
        ({"tool_required": True}, "any"),
        ({"tool_choice": None, "tool_required": True}, "any"),
        ({"tool_choice": "auto"}, "auto"),
        ({"tool_choice": "add"}, {"type": "function", "function": {"name": "add"}}),
    ],
)
async def test_the_choice_reaches_the_wire(
    llm, mistral_sandbox, ask, bodies, method, kwargs, choice
):
    mistral_sandbox.reply("", calls=TWO[:1])
    await ask(llm, method, [ADD], user_msg="1 + 2?", **kwargs)
    sent = bodies()[0]
    assert sent.get("tool_choice") == choice
    assert sent["parallel_tool_calls"] is False
    assert sent["tools"][0]["function"]["parameters"]["required"] == ["a", "b"]


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("parallel", "count"), [(True, 2), (False, 1)])
async def test_parallel_calls_come_as_allowed(
    llm, mistral_sandbox, ask, method, parallel, count, split
):
    mistral_sandbox.reply("Let me add.", calls=TWO)
    mistral_sandbox.inject(Fault(split_calls=split))

    items = await ask(llm, method, [ADD], user_msg="?", allow_parallel_tool_calls=parallel)

    calls = llm.get_tool_calls_from_response(items[-1])
    assert [call.tool_kwargs for call in calls] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}][:count]
    assert all(len(call.tool_id) == 9 for call in calls)
    assert len(items[-1].message.additional_kwargs["tool_calls"]) == count
    assert items[-1].message.content == "Let me add."
    for item in items:
        assert len(llm.get_tool_calls_from_response(item, error_on_no_tool_call=False)) <= count


@pytest.mark.parametrize("method", METHODS)
async def test_odd_names_are_spelled_out_and_back(llm, mistral_sandbox, ask, bodies, method):
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


@pytest.mark.parametrize("method", METHODS)
async def test_the_history_is_not_appended_to(llm, ask, method):
    history = [ChatMessage(role="user", content="Hi")]
    await ask(llm, method, [ADD], user_msg="And?", chat_history=history)
    assert history == [ChatMessage(role="user", content="Hi")]


def test_no_call_where_one_was_expected_tells_the_answer(llm, mistral_sandbox):
    mistral_sandbox.reply("I would rather not.")
    answer = llm.chat_with_tools([ADD], user_msg="?")
    with pytest.raises(ValueError, match="I would rather not"):
        llm.get_tool_calls_from_response(answer)
    assert llm.get_tool_calls_from_response(answer, error_on_no_tool_call=False) == []


@pytest.mark.parametrize("method", ["predict_and_call", "apredict_and_call"])
async def test_predict_and_call_calls(llm, mistral_sandbox, ask, method):
    mistral_sandbox.reply("", calls=TWO)
    (response,) = await ask(llm, method, [ADD], user_msg="1 + 2?")
    assert response.response == "3"


@pytest.mark.parametrize("method", METHODS)
async def test_no_tools_is_a_plain_chat(llm, ask, bodies, method):
    await ask(llm, method, [], user_msg="Hi", tool_required=True)
    assert bodies()[0].keys() <= {"model", "messages", "stream"}


@pytest.mark.parametrize("model", ["mistral-small-latest", "a-model-of-tomorrow", "@slug/whatever"])
def test_unknown_models_are_taken_to_call_functions(make_llm, model):
    assert make_llm(model=model).metadata.is_function_calling_model

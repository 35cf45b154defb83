"""LangChain's messages, in every vendor's spelling, become the core's."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_portkey_mistral.messages_in import to_messages
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from spellings import BLOCKS, WEB


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("role", [SystemMessage, HumanMessage, AIMessage])
def test_each_spelling_of_a_block_is_read(name: str, role: type[BaseMessage]) -> None:
    block, expected = BLOCKS[name]
    (message,) = to_messages([role(content=[block])])
    assert message.content == expected


@pytest.mark.parametrize("name", BLOCKS)
def test_tool_results_hold_the_same_blocks(name: str) -> None:
    block, expected = BLOCKS[name]
    (message,) = to_messages([ToolMessage([block], tool_call_id="abc")])
    assert message == Message.tool(expected, tool_call_id="abc")


UNSENDABLE: dict[str, tuple[dict[str, Any], str]] = {
    "video": ({"type": "video", "url": WEB}, "a block of type 'video' cannot be sent"),
    "server tool": (
        {"type": "server_tool_call", "id": "1", "name": "web_search", "args": {}},
        "a block of type 'server_tool_call' cannot be sent",
    ),
    "video file": (
        {"type": "file", "base64": "AAAA", "mime_type": "video/mp4"},
        "Mistral reads no video",
    ),
    "image without data": ({"type": "image", "mime_type": "image/png"}, "it holds no data"),
    "image of unknown type": ({"type": "image", "base64": "AAAA"}, "needs a 'mime_type'"),
    "image url without url": ({"type": "image_url", "image_url": {}}, "'image_url' must be a URL"),
    "text file that is none": (
        {"type": "file", "base64": "////", "mime_type": "text/plain"},
        "is not UTF-8 text",
    ),
    "no type": ({"foo": 1}, "a block of type 'unknown' cannot be sent"),
}


@pytest.mark.parametrize("name", UNSENDABLE)
def test_what_mistral_cannot_be_told_is_named_with_its_place(name: str) -> None:
    block, text = UNSENDABLE[name]
    history = [SystemMessage("s"), HumanMessage([{"type": "text", "text": "look"}, block])]
    with pytest.raises(InvalidRequestError, match=text) as caught:
        to_messages(history)
    assert str(caught.value).startswith("messages[1].content[1]")


def test_arguments_that_are_no_json_are_named_with_their_place() -> None:
    call = {"name": "f", "args": {"when": {1, 2}}, "id": "1"}
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]: arguments of a tool call"):
        to_messages([HumanMessage("go"), AIMessage("", tool_calls=[call])])


TURNS: dict[str, tuple[BaseMessage, list[Message]]] = {
    "system": (SystemMessage("be kind"), [Message.system("be kind")]),
    "human": (HumanMessage("hi"), [Message.user("hi")]),
    "human with a name": (HumanMessage("hi", name="ada"), [Message("user", "hi", name="ada")]),
    "developer": (ChatMessage("be kind", role="developer"), [Message.system("be kind")]),
    "chat message": (ChatMessage("hi", role="user"), [Message.user("hi")]),
    "assistant": (AIMessage("hello"), [Message.assistant("hello")]),
    "assistant prefix": (
        AIMessage("def ", additional_kwargs={"prefix": True}),
        [Message("assistant", "def ", prefix=True)],
    ),
    "assistant chunk": (AIMessageChunk("hello"), [Message.assistant("hello")]),
    "tool": (
        ToolMessage("42", tool_call_id="abc", name="add", status="error", artifact="a"),
        [Message.tool("42", tool_call_id="abc", name="add")],
    ),
    "text beside calls": (
        AIMessage("I look.", tool_calls=[{"name": "f", "args": {"x": "é"}, "id": "1"}]),
        [Message.assistant("I look.", tool_calls=(ToolCall("1", "f", '{"x":"é"}'),))],
    ),
    "unreadable call": (
        AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{x", "id": "1", "error": "bad"}]),
        [Message.assistant("", tool_calls=(ToolCall("1", "f", "{x"),))],
    ),
    "openai calls in additional_kwargs": (
        AIMessage(
            "",
            additional_kwargs={
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"x": 1}'},
                    }
                ]
            },
        ),
        [Message.assistant("", tool_calls=(ToolCall("1", "f", '{"x":1}'),))],
    ),
    "anthropic call in both places": (
        AIMessage(
            [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}},
            ],
            tool_calls=[{"name": "f", "args": {"x": 1}, "id": "1"}],
        ),
        [Message.assistant((TextPart("I look."),), tool_calls=(ToolCall("1", "f", '{"x":1}'),))],
    ),
    "anthropic call in the content only": (
        AIMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", '{"x":1}'),))],
    ),
    "v1 call": (
        AIMessage(content_blocks=[{"type": "tool_call", "id": "1", "name": "f", "args": {"x": 1}}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", '{"x":1}'),))],
    ),
    "openai responses call": (
        AIMessage([{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}]),
        [Message.assistant((), tool_calls=(ToolCall("1", "f", "{}"),))],
    ),
    "reasoning beside the content": (
        AIMessage("4", additional_kwargs={"reasoning_content": "2+2"}),
        [Message.assistant((ThinkingPart("2+2"), TextPart("4")))],
    ),
    "reasoning beside the content, under another name": (
        AIMessage("4", additional_kwargs={"reasoning": "2+2"}),
        [Message.assistant((ThinkingPart("2+2"), TextPart("4")))],
    ),
    "openai summaries beside the content": (
        AIMessage(
            "4", additional_kwargs={"reasoning": {"id": "rs_1", "summary": [{"text": "2+2"}]}}
        ),
        [Message.assistant((ThinkingPart("2+2"), TextPart("4")))],
    ),
    "openai reasoning without a summary": (
        AIMessage("4", additional_kwargs={"reasoning": {"id": "rs_1", "summary": []}}),
        [Message.assistant("4")],
    ),
    "openai refusal beside the content": (
        AIMessage("", additional_kwargs={"refusal": "No."}),
        [Message.assistant((TextPart("No."),))],
    ),
    "anthropic tool results in a human message": (
        HumanMessage(
            [
                {"type": "tool_result", "tool_use_id": "1", "content": "42"},
                {
                    "type": "tool_result",
                    "tool_use_id": "2",
                    "content": [{"type": "text", "text": "7"}],
                },
                {"type": "text", "text": "And now?"},
            ]
        ),
        [
            Message.tool("42", tool_call_id="1"),
            Message.tool((TextPart("7"),), tool_call_id="2"),
            Message.user((TextPart("And now?"),)),
        ],
    ),
    "anthropic tool result alone": (
        HumanMessage([{"type": "tool_result", "tool_use_id": "1", "content": "42"}]),
        [Message.tool("42", tool_call_id="1")],
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_each_message_becomes_its_turns(name: str) -> None:
    message, expected = TURNS[name]
    before = copy.deepcopy(message)
    assert to_messages([message]) == expected
    assert message == before


@pytest.mark.parametrize(
    "message",
    [
        FunctionMessage(name="f", content="x"),
        RemoveMessage(id="1"),
        ChatMessage("x", role="wizard"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_for_nobody_is_refused(message: BaseMessage) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]"):
        to_messages([message])


@pytest.mark.parametrize(
    ("provider", "signature"),
    [("portkey-mistral", "sig"), ("mistralai", "sig"), ("anthropic", None), (None, None)],
)
def test_only_mistrals_own_signatures_go_back_to_it(
    provider: str | None, signature: str | None
) -> None:
    block = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}}
    metadata = {"model_provider": provider} if provider else {}
    (message,) = to_messages([AIMessage([block], response_metadata=metadata)])
    assert message.content == (ThinkingPart("hm", signature=signature),)


def test_another_vendors_own_block_is_refused_by_name() -> None:
    block = {"type": "non_standard", "value": {"type": "web_search_call"}}
    message = AIMessage([block], response_metadata={"model_provider": "openai"})
    with pytest.raises(InvalidRequestError, match="'web_search_call' is openai's own"):
        to_messages([message])

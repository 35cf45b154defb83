"""LangChain messages, in the formats of all vendors, become the core's."""

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

from langchain_portkey_mistral import ChatPortkeyMistral
from langchain_portkey_mistral._from_langchain import to_messages
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
)
from scripted import answer, network
from spellings import BLOCKS, WEB


@pytest.mark.parametrize("role", [SystemMessage, HumanMessage, AIMessage])
def test_blocks_of_every_vendor_are_converted(role: type[BaseMessage]) -> None:
    for name, (block, expected) in BLOCKS.items():
        (message,) = to_messages([role(content=[block])])
        assert message.content == expected, name


def test_tool_results_hold_the_same_blocks() -> None:
    for name, (block, expected) in BLOCKS.items():
        (message,) = to_messages([ToolMessage([block], tool_call_id="abc")])
        assert message == Message.tool(expected, tool_call_id="abc"), name


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "video": ({"type": "video", "url": WEB}, "a block of type 'video' cannot be sent"),
    "server tool": (
        {"type": "server_tool_call", "id": "1", "name": "web_search", "args": {}},
        "a block of type 'server_tool_call' cannot be sent",
    ),
    "video file": (
        {"type": "file", "base64": "AAAA", "mime_type": "video/mp4"},
        "Mistral does not accept video",
    ),
    "image without data": ({"type": "image", "mime_type": "image/png"}, "it has no data"),
    "image of unknown type": ({"type": "image", "base64": "AAAA"}, "needs 'mime_type'"),
    "image url without url": ({"type": "image_url", "image_url": {}}, "'image_url' must be a URL"),
    "text file that is not text": (
        {"type": "file", "base64": "////", "mime_type": "text/plain"},
        "is not encoded as utf-8",
    ),
    "archive": (
        {"type": "file", "base64": "UEsDBAD/", "mime_type": "application/zip"},
        "of type 'application/zip', which Mistral does not read",
    ),
    "archive as a document url": (
        {"type": "document_url", "document_url": "data:application/zip;base64,UEsDBAD/"},
        "of type 'application/zip', which Mistral does not read",
    ),
    "document url without url": (
        {"type": "document_url", "document_url": {"name": "a"}},
        "'document_url' must be a URL or an object with 'url'",
    ),
    "audio url without url": (
        {"type": "audio_url", "audio_url": None},
        "'audio_url' must be a URL",
    ),
    "no type": ({"foo": 1}, "a block of type 'unknown' cannot be sent"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_an_unsupported_block_is_refused_with_its_location(name: str) -> None:
    block, text = UNSUPPORTED[name]
    history = [SystemMessage("s"), HumanMessage([{"type": "text", "text": "look"}, block])]
    with pytest.raises(InvalidRequestError, match=text) as caught:
        to_messages(history)
    assert str(caught.value).startswith("messages[1].content[1]")


def test_arguments_without_a_json_form_are_refused_with_their_location() -> None:
    call = {"name": "f", "args": {"when": {1, 2}}, "id": "1"}
    with pytest.raises(InvalidRequestError, match=r"messages\[1\]: the arguments of a tool call"):
        to_messages([HumanMessage("go"), AIMessage("", tool_calls=[call])])


MESSAGES: dict[str, tuple[BaseMessage, list[Message]]] = {
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
    "invalid call": (
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
    "openai audio": (
        AIMessage(
            "", additional_kwargs={"refusal": None, "audio": {"id": "a", "transcript": "Hi."}}
        ),
        [Message.assistant((TextPart("Hi."),))],
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


@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_converted_and_not_changed(name: str) -> None:
    message, expected = MESSAGES[name]
    before = copy.deepcopy(message)
    assert to_messages([message]) == expected
    assert message == before


@pytest.mark.parametrize(
    "message",
    [
        RemoveMessage(id="1"),
        ChatMessage("x", role="wizard"),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_type_without_a_role_is_refused(message: BaseMessage) -> None:
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]"):
        to_messages([message])


@pytest.mark.parametrize(
    ("provider", "signature"),
    [("portkey-mistral", "sig"), ("mistralai", "sig"), ("anthropic", None), (None, None)],
)
def test_only_mistrals_own_signatures_are_sent_back(
    provider: str | None, signature: str | None
) -> None:
    block = {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "sig"}}
    metadata = {"model_provider": provider} if provider else {}
    (message,) = to_messages([AIMessage([block], response_metadata=metadata)])
    assert message.content == (ThinkingPart("hm", signature=signature),)


def test_a_block_specific_to_another_provider_is_refused() -> None:
    block = {"type": "non_standard", "value": {"type": "web_search_call"}}
    message = AIMessage([block], response_metadata={"model_provider": "openai"})
    with pytest.raises(InvalidRequestError, match="'web_search_call' is specific to openai"):
        to_messages([message])


def test_openais_older_functions_are_calls_and_results() -> None:
    call = {"function_call": {"name": "add", "arguments": '{"a": 1}'}}
    history = [
        HumanMessage("1?"),
        AIMessage("", additional_kwargs=call),
        FunctionMessage("2", name="add"),
    ]
    wire = network(answer("ok"))
    ChatPortkeyMistral(api_key="k", base_url="https://m.test", **wire.clients).invoke(history)
    _, assistant, result = wire.bodies[0]["messages"]
    (sent,) = assistant["tool_calls"]
    assert sent["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert (result["role"], result["content"], result["tool_call_id"]) == ("tool", "2", sent["id"])

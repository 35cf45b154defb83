"""The name of a message reaches the model as the beginning of its text, where the request wants that."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from llama_index.core.base.llms.types import ChatMessage

from kinds import KINDS, STREAMED, Kind
from langchain_portkey_mistral import ChatPortkeyMistral
from llamaindex_portkey_mistral import PortkeyMistral
from portkey_mistral import ChatRequest, Client
from portkey_mistral._wire.message_names import with_name_in_text
from portkey_mistral.messages import (
    ImagePart,
    Message,
    TextPart,
    ThinkingPart,
    ToolCall,
)

IMAGE = ImagePart("https://x.test/a.png")
CALL = ToolCall("abcdefghi", "add", "{}")

NAMED: dict[str, tuple[Message, Any]] = {
    "user": (Message("user", "Hello!", name="Ada"), "Ada: Hello!"),
    "agent": (Message("assistant", "Done.", name="researcher"), "researcher: Done."),
    "parts": (
        Message("user", (TextPart("See."), IMAGE), name="Ada"),
        (TextPart("Ada: See."), IMAGE),
    ),
    "image first": (Message("user", (IMAGE,), name="Ada"), (TextPart("Ada: "), IMAGE)),
    "thinking first": (
        Message("assistant", (ThinkingPart("hm"), TextPart("Yes.")), name="a"),
        (ThinkingPart("hm"), TextPart("a: Yes.")),
    ),
    "thinking only": (Message("assistant", (ThinkingPart("hm"),), name="a"), (ThinkingPart("hm"),)),
    "calls only": (Message("assistant", "", (CALL,), name="a"), ""),
    "tool": (Message("tool", "3", tool_call_id="abcdefghi", name="add"), "3"),
    "no name": (Message.user("Hello!"), "Hello!"),
    "name of several lines": (Message("user", "Hi", name="Ada\n\nsystem"), "Ada system: Hi"),
    "blank name": (Message("user", "Hi", name=" \n"), "Hi"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_name_stands_before_the_text(name: str) -> None:
    message, content = NAMED[name]
    assert with_name_in_text(message).content == content


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
@pytest.mark.parametrize(
    ("name_messages", "sent"), [(True, "Ada: Hi"), (None, "Hi"), (False, "Hi")]
)
def test_a_request_decides(
    mistral_sandbox: Any, kind: Kind, name_messages: bool | None, sent: str
) -> None:
    messages = [Message("user", "Hi", name="Ada")]
    request = ChatRequest(
        model="mistral-small-latest", messages=messages, name_messages=name_messages
    )
    kind.run(Client(base_url="sandbox:"), request, None)
    body = mistral_sandbox.requests[-1].body
    assert body["messages"][0]["content"] == sent
    assert "name_messages" not in body


HISTORY = ["Be brief.", "Ada: Hi", "writer: A poem.", "Bob: And me?"]
PLAIN = ["Be brief.", "Hi", "A poem.", "And me?"]


@pytest.mark.parametrize(
    ("fields", "arguments", "sent"),
    [
        ({}, {}, PLAIN),
        ({"name_messages": True}, {}, HISTORY),
        ({}, {"name_messages": True}, HISTORY),
        ({"name_messages": True}, {"name_messages": False}, PLAIN),
    ],
    ids=["by default", "of the object", "of a call", "turned off for a call"],
)
def test_both_frameworks_take_the_option(
    mistral_sandbox: Any, fields: dict[str, Any], arguments: dict[str, Any], sent: list[str]
) -> None:
    chat = ChatPortkeyMistral(base_url="sandbox:", **fields)
    history = [
        SystemMessage("Be brief.", name="x"),
        HumanMessage("Hi", name="Ada"),
        AIMessage("A poem.", name="writer"),
        HumanMessage("And me?", name="Bob"),
    ]
    chat.invoke(history, **arguments)
    list(chat.bind(**arguments).stream(history))
    llm = PortkeyMistral(base_url="sandbox:", **fields)
    turns = [
        ChatMessage("Be brief.", role="system", additional_kwargs={"name": "x"}),
        ChatMessage("Hi", additional_kwargs={"name": "Ada"}),
        ChatMessage("A poem.", role="assistant", additional_kwargs={"name": "writer"}),
        ChatMessage("And me?", additional_kwargs={"name": "Bob"}),
    ]
    llm.chat(turns, **arguments)
    list(llm.stream_chat(turns, **arguments))
    bodies = [exchange.body for exchange in mistral_sandbox.requests]
    assert [[each["content"] for each in body["messages"]] for body in bodies] == [sent] * 4

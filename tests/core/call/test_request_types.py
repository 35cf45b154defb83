"""Whatever a caller passes in place of a request is an error that says what to pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from portkey_mistral import (
    ChatRequest,
    Client,
    EmbeddingRequest,
    FIMRequest,
    Message,
    ModerationRequest,
    ResponseFormat,
    Tool,
    ToolCall,
)
from portkey_mistral.exceptions import InvalidRequestError

DICT_MESSAGE = {"role": "user", "content": "Hello!"}
WRONG_CLASSES: dict[str, Any] = {
    "text": "Hello!",
    "nothing": None,
    "dict message": DICT_MESSAGE,
    "list of dicts": [DICT_MESSAGE],
    "list of messages": [Message.user("Hello!")],
    "request of another kind": ModerationRequest(model="m", inputs=["a"]),
}


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]


METHODS: dict[str, tuple[str, Callable[[Client, Any], Any]]] = {
    "chat": ("ChatRequest", lambda client, value: client.chat(value)),
    "achat": ("ChatRequest", lambda client, value: asyncio.run(client.achat(value))),
    "stream": ("ChatRequest", lambda client, value: list(client.stream(value))),
    "astream": ("ChatRequest", lambda client, value: asyncio.run(_all(client.astream(value)))),
    "fim": ("FIMRequest", lambda client, value: client.fim(value)),
    "afim": ("FIMRequest", lambda client, value: asyncio.run(client.afim(value))),
    "embed": ("EmbeddingRequest", lambda client, value: client.embed(value)),
    "aembed": ("EmbeddingRequest", lambda client, value: asyncio.run(client.aembed(value))),
    "embed_iter": ("EmbeddingRequest", lambda client, value: list(client.embed_iter(value))),
    "aembed_iter": (
        "EmbeddingRequest",
        lambda client, value: asyncio.run(_all(client.aembed_iter(value))),
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", WRONG_CLASSES)
def test_a_call_without_a_request_names_the_class_to_pass(method: str, wrong: str) -> None:
    name, call = METHODS[method]
    with pytest.raises(InvalidRequestError, match=rf"Pass, for example, {name}\(model="):
        call(Client(base_url="sandbox:"), WRONG_CLASSES[wrong])


@pytest.mark.parametrize("wrong", ["Hello!", None, FIMRequest(model="m", prompt="a")])
def test_moderation_names_its_class_too(wrong: Any) -> None:
    client = Client(base_url="sandbox:")
    with pytest.raises(InvalidRequestError, match=r"ModerationRequest\(model="):
        client.moderate(wrong)
    with pytest.raises(InvalidRequestError, match=r"ModerationRequest\(model="):
        asyncio.run(client.amoderate(wrong))


HELLO = (Message.user("Hello!"),)


def chat(messages: Any = HELLO, **fields: Any) -> ChatRequest:
    return ChatRequest(**{"model": "m", "messages": messages} | fields)


WRONG_MEMBERS: dict[str, tuple[Any, str]] = {
    "model": (chat(model=None), "model has the type NoneType"),
    "messages as text": (chat("Hello!"), r"messages must be a list, got str.*\[Message\.user"),
    "one message": (chat(Message.user("a")), "messages must be a list, got Message"),
    "dict message": (chat([DICT_MESSAGE]), r"messages\[0\] has the type dict.*Message\.user"),
    "text message": (chat([Message.user("a"), "b"]), r"messages\[1\] has the type str"),
    "content": (chat([Message.user(5)]), r"messages\[0\]\.content must be a list, got int"),
    "dict part": (
        chat([Message.user(({"type": "text", "text": "a"},))]),
        r"messages\[0\]\.content\[0\] has the type dict.*TextPart",
    ),
    "dict tool call": (
        chat([Message("assistant", tool_calls=({"id": "1"},)), Message.user("a")]),
        r"messages\[0\]\.tool_calls\[0\] has the type dict.*ToolCall",
    ),
    "arguments as a dict": (
        chat([Message.assistant(tool_calls=(ToolCall("1", "f", {"a": 1}),)), Message.user("a")]),
        r"messages\[0\]\.tool_calls\[0\]\.arguments has the type dict.*JSON text",
    ),
    "number as a name": (
        chat([Message.assistant(tool_calls=(ToolCall("1", 7),)), Message.user("a")]),
        r"tool_calls\[0\]\.name has the type int",
    ),
    "number as an id": (
        chat([Message.tool("a", tool_call_id=5)]),
        r"messages\[0\]\.tool_call_id has the type int",
    ),
    "name of a message": (
        chat([Message("user", "a", name=5)]),
        r"messages\[0\]\.name has the type int",
    ),
    "one tool": (chat(tools="add"), "tools must be a list, got str"),
    "function": (chat(tools=[len]), r"tools\[0\] has the type builtin.*Tool\('add'"),
    "tool choice": (chat(tool_choice="any"), r"tool_choice has the type str.*mode='any'"),
    "stop": (chat(stop=5), "stop must be a list, got int"),
    "extra": (chat(extra=[1]), "extra has the type list"),
    "metadata": (chat(metadata="a"), "metadata has the type str"),
    "guardrails": (chat(guardrails={"a": 1}), "guardrails must be a list, got dict"),
    "schema of a tool": (
        chat(tools=[Tool("add", "Add.", 5)]),
        r"tools\[0\]\.parameters has the type int",
    ),
    "schema of a format": (
        chat(response_format=ResponseFormat("json_schema", schema=5)),
        r"response_format\.schema has the type int",
    ),
    "role": (chat([Message([], "a")]), r"messages\[0\]\.role has the type list"),
    "value without a JSON form": (
        chat(temperature=object()),
        "cannot be written as JSON: temperature: ",
    ),
    "infinite value": (chat(temperature=float("inf")), "cannot be written as JSON: temperature: "),
    "extra without a JSON form": (chat(extra={"a": object()}), "cannot be written as JSON: a: "),
    "dict format": (
        chat(response_format={"type": "json_object"}),
        r"response_format has the type dict.*ResponseFormat\.read",
    ),
}


@pytest.mark.parametrize("wrong", WRONG_MEMBERS)
@pytest.mark.parametrize("method", ["chat", "achat", "stream", "astream"])
def test_a_member_of_another_type_is_named_with_its_place(wrong: str, method: str) -> None:
    request, message = WRONG_MEMBERS[wrong]
    with pytest.raises(InvalidRequestError, match=message):
        METHODS[method][1](Client(base_url="sandbox:"), request)


@pytest.mark.parametrize(
    ("method", "request_", "message"),
    [
        ("fim", FIMRequest(model="m", prompt=None), "prompt has the type NoneType"),
        ("fim", FIMRequest(model="m", prompt="a", suffix=5), "suffix has the type int"),
        ("stream", FIMRequest(model=None, prompt="a"), "model has the type NoneType"),
        ("embed", EmbeddingRequest(model="m", inputs="text"), r"for one text pass \[text\]"),
        ("embed", EmbeddingRequest(model=5, inputs=["a"]), "model has the type int"),
    ],
)
def test_members_of_the_other_requests_too(method: str, request_: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        METHODS[method][1](Client(base_url="sandbox:"), request_)


@pytest.mark.parametrize("inputs", ["text", 5])
def test_inputs_to_moderate_are_a_list(inputs: Any) -> None:
    with pytest.raises(InvalidRequestError, match="inputs must be a list"):
        Client(base_url="sandbox:").moderate(ModerationRequest(model="m", inputs=inputs))


@pytest.mark.parametrize("options", [{"timeout": 1}, "pc-a-slug", 5])
def test_options_of_another_class_are_refused(options: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"options .*Pass, for example, CallOptions"):
        Client(base_url="sandbox:").chat(chat(), options)

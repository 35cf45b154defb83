"""Histories of any kind and vendor are accepted by a server that is strict about Mistral's rules."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from types import SimpleNamespace

import pytest
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.sandbox import Call

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def user(text: str = "Hi") -> ChatMessage:
    return ChatMessage(role="user", content=text)


def calling(*ids: str) -> ChatMessage:
    blocks = [ToolCallBlock(tool_call_id=id_, tool_name="add", tool_kwargs={"a": 1}) for id_ in ids]
    return ChatMessage(role="assistant", blocks=blocks)


def result(id_: str | None, *blocks) -> ChatMessage:
    return ChatMessage(
        role="tool",
        blocks=list(blocks) or [TextBlock(text="3")],
        additional_kwargs={"tool_call_id": id_},
    )


OPENAI = "call_abcdefghijklmnopqrstuvwx"
ANTHROPIC = "toolu_01ABCDEFGHIJKLMNOP"

HISTORIES = {
    "openai ids": [user(), calling(OPENAI), result(OPENAI)],
    "anthropic ids": [
        user(),
        ChatMessage(
            role="assistant",
            blocks=[
                ThinkingBlock(content="Hm.", additional_information={"signature": "sig"}),
                TextBlock(text="Let me see."),
                *calling(ANTHROPIC).blocks,
                CachePoint(cache_control=CacheControl(type="ephemeral")),
            ],
        ),
        result(ANTHROPIC),
    ],
    "two calls, results out of order": [
        user(),
        calling(OPENAI, ANTHROPIC),
        result(ANTHROPIC),
        result(OPENAI),
    ],
    "a result missing": [user(), calling(OPENAI, ANTHROPIC), result(OPENAI)],
    "no ids at all": [
        user(),
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="add", tool_kwargs={})]),
        ChatMessage(role="function", content="3", additional_kwargs={"name": "add"}),
    ],
    "user after a result": [user(), calling(OPENAI), result(OPENAI), user("And?")],
    "return direct": [
        user(),
        calling(OPENAI),
        result(OPENAI),
        ChatMessage(role="assistant", content="3", additional_kwargs={"tool_call_id": OPENAI}),
        user("And?"),
    ],
    "system last": [
        ChatMessage(role="system", content="S"),
        user(),
        ChatMessage(role="system", content="T"),
    ],
    "system only": [ChatMessage(role="system", content="S")],
    "developer": [ChatMessage(role="developer", content="S"), user()],
    "assistant last": [user(), ChatMessage(role="assistant", content="Well,")],
    "assistant first": [ChatMessage(role="assistant", content="Welcome!"), user()],
    "empty assistant": [user(), ChatMessage(role="assistant", content=""), user("Hello?")],
    "two users": [user(), user("Hello?")],
    "chatbot and model": [
        user(),
        ChatMessage(role="chatbot", content="a"),
        user(),
        ChatMessage(role="model", content="b"),
        user(),
    ],
    "a picture": [
        ChatMessage(role="user", blocks=[TextBlock(text="What?"), ImageBlock(image=PNG)])
    ],
    "a picture as a result": [user(), calling(OPENAI), result(OPENAI, ImageBlock(image=PNG))],
    "a document": [
        ChatMessage(
            role="user", blocks=[DocumentBlock(url="https://e.org/a.pdf"), TextBlock(text="?")]
        )
    ],
    "citable": [
        ChatMessage(
            role="user",
            blocks=[
                CitableBlock(
                    title="T", source="s", content=[TextBlock(text="Paris is in France.")]
                ),
                TextBlock(text="Where is Paris?"),
            ],
        )
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
async def test_every_history_is_accepted_and_not_changed(llm, mistral_sandbox, ask, history):
    before = [message.model_copy(deep=True) for message in history]
    for method in ("chat", "astream_chat"):
        items = await ask(llm, method, history)
        assert mistral_sandbox.requests[-1].status == 200
        assert items[-1].message.content is not None
    assert history == before


ARGUMENTS = {"a": 1, "b": {"c": ["é"]}}


class Struct(Mapping):
    """A mapping that is no dict, as Google's protocol buffers have them."""

    def __init__(self, members: dict) -> None:
        self._members = members

    def __getitem__(self, name: str) -> object:
        value = self._members[name]
        return Struct(value) if isinstance(value, dict) else value

    def __iter__(self):
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def stored(*calls: object, **extra: object) -> ChatMessage:
    extra = {"tool_calls": list(calls), **extra} if calls else extra
    return ChatMessage(role="assistant", content="", additional_kwargs=extra)


def blocks(*calls: ToolCallBlock) -> ChatMessage:
    return ChatMessage(role="assistant", blocks=list(calls))


OPENAI_CALL = {"name": "add", "arguments": json.dumps(ARGUMENTS)}

# A turn with a call as an integration stores it, and the id that its agent's result gets.
VENDORS = {
    "ollama 0.11": (blocks(ToolCallBlock(tool_name="add", tool_kwargs=ARGUMENTS)), "add"),
    "ollama 0.6": (stored({"function": {"name": "add", "arguments": ARGUMENTS}}), "add"),
    "cohere 0.9": (stored(SimpleNamespace(name="add", parameters=ARGUMENTS)), "5f3ea0c1"),
    "anthropic 0.7": (
        stored({"type": "tool_use", "id": "toolu_01", "name": "add", "input": ARGUMENTS}),
        "toolu_01",
    ),
    "anthropic, streamed": (
        stored(SimpleNamespace(type="tool_use", id="toolu_01", name="add", input=ARGUMENTS)),
        "toolu_01",
    ),
    "bedrock 0.7": (stored({"toolUseId": "t_1", "name": "add", "input": ARGUMENTS}), "t_1"),
    "bedrock, nested": (
        stored({"toolUse": {"toolUseId": "t_1", "name": "add", "input": ARGUMENTS}}),
        "t_1",
    ),
    "google-genai 0.11": (
        blocks(ToolCallBlock(tool_call_id="add", tool_name="add", tool_kwargs=ARGUMENTS)),
        "add",
    ),
    "google-genai 0.2": (stored(SimpleNamespace(id=None, name="add", args=ARGUMENTS)), "add"),
    "vertex 0.8": (stored(SimpleNamespace(name="add", args=Struct(ARGUMENTS))), "None"),
    "openai": (stored({"id": "call_1", "type": "function", "function": OPENAI_CALL}), "call_1"),
    "openai, SDK objects": (
        stored(SimpleNamespace(id="call_1", function=SimpleNamespace(**OPENAI_CALL))),
        "call_1",
    ),
    "openai, responses": (stored({"id": "fc_1", "call_id": "call_1", **OPENAI_CALL}), "call_1"),
    "openai, functions": (stored(function_call=OPENAI_CALL), None),
}


@pytest.mark.parametrize(("call", "result_id"), VENDORS.values(), ids=VENDORS)
async def test_a_history_of_another_integration_keeps_arguments_and_results(
    llm, ask, bodies, call, result_id
):
    history = [
        user(),
        call,
        result(result_id, TextBlock(text="first")),
        ChatMessage(role="assistant", content="Again."),
        call,
        result(result_id, TextBlock(text="second")),
        user("What was it?"),
    ]
    await ask(llm, "chat", history)
    sent = bodies()[0]["messages"]
    calls = [call["function"] for message in sent for call in message.get("tool_calls") or ()]
    assert [call["name"] for call in calls] == ["add", "add"]
    assert [json.loads(call["arguments"]) for call in calls] == [ARGUMENTS, ARGUMENTS]
    results = [message["content"] for message in sent if message["role"] == "tool"]
    assert results == ["first", "second"]


async def test_parallel_calls_without_ids_keep_their_results(llm, ask, bodies):
    calls = [
        ToolCallBlock(tool_name=name, tool_kwargs={"a": at})
        for at, name in enumerate(("add", "look", "add"))
    ]
    results = [result(name, TextBlock(text=name)) for name in ("add", "add", "look")]
    await ask(llm, "chat", [user(), blocks(*calls), *results])
    sent = bodies()[0]["messages"]
    assert [message["content"] for message in sent if message["role"] == "tool"] == [
        "add",
        "look",
        "add",
    ]


@pytest.mark.parametrize("arguments", ['{"a": 1, "b', "look it up", "[1]"])
async def test_broken_arguments_are_sent_back_as_json(llm, ask, bodies, arguments):
    call = ToolCallBlock(tool_call_id="a" * 9, tool_name="add", tool_kwargs=arguments)
    await ask(llm, "chat", [user(), blocks(call), result("a" * 9)])
    function = bodies()[0]["messages"][1]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"INVALID_JSON": arguments}


async def test_own_answers_are_sent_back_unchanged(llm, mistral_sandbox, ask, bodies):
    mistral_sandbox.reply("Let me see.", calls=[Call("add", '{"b":"é"}')], thinking="Hm.")
    answer = (await ask(llm, "achat", "Hi"))[0].message
    id_ = answer.blocks[-1].tool_call_id
    await ask(llm, "achat", [user(), answer, result(id_)])

    resent = bodies()[1]["messages"][1]
    assert [chunk["type"] for chunk in resent["content"]] == ["thinking", "text"]
    (call,) = resent["tool_calls"]
    assert (call["id"], call["function"]) == (id_, {"name": "add", "arguments": '{"b":"é"}'})


async def test_ids_and_names_that_are_no_text_become_text(llm, ask, bodies):
    stored = {"tool_calls": [{"id": 5, "function": {"name": 7, "arguments": {"a": 1}}}]}
    call = ChatMessage(role="assistant", content="", additional_kwargs=stored)
    await ask(llm, "chat", [user(), call, result(5, TextBlock(text="first")), user()])
    _, assistant, answer, *_ = bodies()[0]["messages"]
    (sent,) = assistant["tool_calls"]
    assert (sent["function"]["name"], answer["content"]) == ("7", "first")
    assert answer["tool_call_id"] == sent["id"]


async def test_stored_calls_that_are_no_list_are_an_error(llm, ask):
    call = ChatMessage(role="assistant", content="x", additional_kwargs={"tool_calls": "junk"})
    with pytest.raises(InvalidRequestError, match="must be a list of tool calls, got str"):
        await ask(llm, "chat", [user(), call])

"""Histories from everywhere, on a server that keeps strictly to Mistral's rules."""

from __future__ import annotations

import base64

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

from portkey_mistral.sandbox import Call

METHODS = ("chat", "astream_chat")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def user(text: str = "Hi") -> ChatMessage:
    return ChatMessage(role="user", content=text)


def calling(*ids: str) -> ChatMessage:
    blocks = [ToolCallBlock(tool_call_id=id_, tool_name="add", tool_kwargs={"a": 1}) for id_ in ids]
    return ChatMessage(role="assistant", blocks=blocks)


def result(id_: str, *blocks) -> ChatMessage:
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


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
async def test_every_history_is_accepted_and_left_alone(llm, mistral_sandbox, ask, method, history):
    before = [message.model_copy(deep=True) for message in history]
    items = await ask(llm, method, history)
    assert mistral_sandbox.requests[0].status == 200
    assert items[-1].message.content is not None
    assert history == before


async def test_own_answers_go_back_as_they_came(llm, mistral_sandbox, ask, bodies):
    mistral_sandbox.reply("Let me see.", calls=[Call("add", '{"b":"é"}')], thinking="Hm.")
    answer = (await ask(llm, "achat", "Hi"))[0].message
    id_ = answer.blocks[-1].tool_call_id
    await ask(llm, "achat", [user(), answer, result(id_)])

    resent = bodies()[1]["messages"][1]
    assert [chunk["type"] for chunk in resent["content"]] == ["thinking", "text"]
    (call,) = resent["tool_calls"]
    assert (call["id"], call["function"]) == (id_, {"name": "add", "arguments": '{"b":"é"}'})

"""Both frameworks, sync, async and streamed: what they ask for is traced as the core's own calls are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import ChatMessage

from langchain_portkey_mistral import (
    ChatPortkeyMistral,
    PortkeyMistralEmbeddings,
    PortkeyMistralFIM,
)
from llamaindex_portkey_mistral import PortkeyMistral, PortkeyMistralEmbedding
from scripted import answer, network, stream
from telemetry import Watched

CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "custom_host": "http://a.test/v1", "retry": {"attempts": 1}},
        {"provider": "mistral-ai", "custom_host": "http://b.test/v1"},
    ],
}
HELLO = [ChatMessage(role="user", content="Hi")]


async def drain(chunks: Any) -> None:
    async for _ in chunks:
        pass


async def llama_stream(llm: PortkeyMistral) -> None:
    await drain(await llm.astream_chat(HELLO))


CHATS: dict[str, tuple[type[Any], Callable[[Any], object], bool]] = {
    "langchain invoke": (ChatPortkeyMistral, lambda model: model.invoke("Hi"), False),
    "langchain ainvoke": (
        ChatPortkeyMistral,
        lambda model: asyncio.run(model.ainvoke("Hi")),
        False,
    ),
    "langchain stream": (ChatPortkeyMistral, lambda model: list(model.stream("Hi")), True),
    "langchain astream": (
        ChatPortkeyMistral,
        lambda model: asyncio.run(drain(model.astream("Hi"))),
        True,
    ),
    "llamaindex chat": (PortkeyMistral, lambda llm: llm.chat(HELLO), False),
    "llamaindex achat": (PortkeyMistral, lambda llm: asyncio.run(llm.achat(HELLO)), False),
    "llamaindex stream_chat": (PortkeyMistral, lambda llm: list(llm.stream_chat(HELLO)), True),
    "llamaindex astream_chat": (PortkeyMistral, lambda llm: asyncio.run(llama_stream(llm)), True),
}


@pytest.mark.parametrize("name", CHATS)
def test_chat_with_a_retry_and_a_fallback(name: str, otel: Watched) -> None:
    cls, run, streams = CHATS[name]
    reply = stream({"content": "Hi!"}) if streams else answer("Hi!")
    replies = network(httpx.Response(500, json={}), httpx.Response(500, json={}), reply)
    model = cls(model="mistral-small-latest", api_key="k", portkey_config=CONFIG, **replies.clients)
    with otel.tracer.start_as_current_span("mine") as mine:
        run(model)
    call, attempts = otel.call, otel.attempts
    assert call.name == "chat mistral-small-latest"
    assert call.parent.span_id == mine.get_span_context().span_id
    assert [each.attributes["portkey_mistral.attempt.path"] for each in attempts] == [
        "config.targets[0]",
        "config.targets[0]",
        "config.targets[1]",
    ]
    assert {each.parent.span_id for each in attempts} == {call.context.span_id}
    assert call.attributes["gen_ai.usage.input_tokens"] == 10
    assert call.attributes["server.address"] == "b.test"


@pytest.mark.parametrize(
    "run",
    [
        lambda f: PortkeyMistralFIM(**f).invoke("def", suffix="end"),
        lambda f: asyncio.run(PortkeyMistralFIM(**f).ainvoke("def", suffix="end")),
        lambda f: list(PortkeyMistralFIM(**f).stream("def", suffix="end")),
        lambda f: PortkeyMistral(**f).fill_in_middle("def", "end"),
        lambda f: list(PortkeyMistral(**f).stream_fill_in_middle("def", "end")),
    ],
)
def test_fill_in_the_middle(run, otel: Watched) -> None:
    run({"model": "codestral-latest", "base_url": "sandbox:"})
    assert otel.call.name == "text_completion codestral-latest"
    assert otel.attempts[0].name == "POST /v1/fim/completions"


@pytest.mark.parametrize(
    "run",
    [
        lambda: PortkeyMistralEmbeddings(base_url="sandbox:").embed_documents(["a"] * 600),
        lambda: asyncio.run(
            PortkeyMistralEmbeddings(base_url="sandbox:").aembed_documents(["a"] * 600)
        ),
        lambda: PortkeyMistralEmbedding(base_url="sandbox:").get_text_embedding_batch(["a"] * 600),
        lambda: asyncio.run(
            PortkeyMistralEmbedding(base_url="sandbox:").aget_text_embedding_batch(["a"] * 600)
        ),
    ],
)
def test_embeddings(run, otel: Watched) -> None:
    assert len(run()) == 600
    assert otel.call.name == "embeddings mistral-embed"
    assert len(otel.attempts) == 2


def test_langchains_threads_carry_the_callers_span(otel: Watched) -> None:
    model = ChatPortkeyMistral(base_url="sandbox:")
    with otel.tracer.start_as_current_span("mine") as mine:
        model.batch(["a", "b", "c"])
        (RunnableLambda(lambda text: text) | model).batch(["d", "e"])
    assert len(otel.calls) == 5
    assert {call.parent.span_id for call in otel.calls} == {mine.get_span_context().span_id}


def test_an_error_has_the_cores_type_whatever_the_framework(otel: Watched) -> None:
    for cls, run in (
        (ChatPortkeyMistral, lambda model: model.invoke("Hi")),
        (PortkeyMistral, lambda llm: llm.chat(HELLO)),
    ):
        replies = network(httpx.Response(429, json={}))
        with pytest.raises(Exception, match="429"):
            run(cls(model="m", api_key="k", max_retries=0, **replies.clients))
    assert [call.attributes["error.type"] for call in otel.calls] == ["429", "429"]

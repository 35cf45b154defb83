"""What is measured, of whom, and what it may cost: one table, `WORKLOADS`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, Literal

from contenders import (
    CHAT_MISTRAL_AI,
    CHAT_OPENAI,
    CHAT_PORTKEY_MISTRAL,
    CLIENT,
    EMBEDDINGS,
    HTTPX,
    MISTRAL_AI,
    MISTRAL_AI_EMBEDDINGS,
    MODEL,
    PACKED_EMBEDDINGS,
    PORTKEY_MISTRAL,
    Contender,
)

PROMPT = "Say in one paragraph how a routing core keeps its connections."
SENTENCE = (
    "A router that keeps its connections open sends each text to whoever has the time for it, waits for no"
    " more than one answer at a time, and puts them in order"
)


@dataclass(frozen=True)
class Target:
    """`ours` may cost at most `most` times what `peer` costs; without a peer, `most` microseconds."""

    ours: Contender
    most: float
    peer: Contender | None = None


@dataclass(frozen=True)
class Workload:
    """`run(subject)` does `units` of work, on a loop if it is async, and gives their number as it saw them.

    A round repeats that `repeated` times. `server` are the options of the fake server.
    """

    name: str
    unit: str
    run: Callable[[Any], int] | Callable[[Any], Awaitable[int]]
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...]
    units: int = 1
    rounds: int = 9
    repeated: int = 1
    clock: Literal["CPU", "wall"] = "CPU"
    server: Mapping[str, int] = field(default_factory=dict)
    subject: Callable[[Contender, str], Any] = lambda contender, url: contender.make(url)


def invoke(model: Any) -> int:
    return int(bool(model.invoke(PROMPT).content))


async def ainvoke_together(model: Any, *, calls: int) -> int:
    answers = await asyncio.gather(*(model.ainvoke(PROMPT) for _ in range(calls)))
    return sum(bool(answer.content) for answer in answers)


def stream(model: Any) -> int:
    texts = usages = 0
    for chunk in model.stream(PROMPT):
        texts += bool(chunk.content)
        usages += bool(chunk.usage_metadata)
    assert usages, "a stream without usage"
    return texts


async def astream(model: Any) -> int:
    texts = usages = 0
    async for chunk in model.astream(PROMPT):
        texts += bool(chunk.content)
        usages += bool(chunk.usage_metadata)
    assert usages, "a stream without usage"
    return texts


@cache
def chat_messages() -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=PROMPT)]


def chat(llm: Any) -> int:
    return int(bool(llm.chat(chat_messages()).message.content))


def stream_chat(llm: Any) -> int:
    texts, last = 0, None
    for last in llm.stream_chat(chat_messages()):
        texts += bool(last.delta)
    assert "total_tokens" in str(last.raw), "a stream without usage"
    return texts


def call(client: Any) -> int:
    """The same call by the core, or by httpx with nothing around it."""
    return int(bool(call_httpx(client) if hasattr(client, "post") else call_core(client)))


def call_core(client: Any) -> str | None:
    from portkey_mistral import ChatRequest, Message

    return client.chat(ChatRequest(model=MODEL, messages=[Message.user(PROMPT)])).text


def call_httpx(client: Any) -> str:
    body = {"model": MODEL, "messages": [{"role": "user", "content": PROMPT}]}
    answer = client.post("/chat/completions", json=body).raise_for_status().json()
    return answer["choices"][0]["message"]["content"]


def embed(model: Any, *, texts: int) -> int:
    numbered = [f"{SENTENCE} {number}" for number in range(texts)]
    vectors = model.embed_documents(numbered)
    assert {len(vector) for vector in vectors} == {1024}
    return len(vectors)


def construct(make: Callable[[], Any]) -> int:
    return int(make() is not None)


def maker(contender: Contender, _: str) -> Callable[[], Any]:
    """An https address, so that certificates are paid for by who reads them at once."""
    return partial(contender.make, "https://127.0.0.1:1/v1")


LANGCHAIN = (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI, CHAT_OPENAI)
LLAMAINDEX = (PORTKEY_MISTRAL, MISTRAL_AI)
PACE = 2_000


def beside(most: float, peer: Contender = CHAT_MISTRAL_AI) -> Target:
    return Target(CHAT_PORTKEY_MISTRAL, most, peer)


def workloads(
    *, chunks: int = 500, paced: int = 200, calls: int = 200, texts: int = 20_000
) -> tuple[Workload, ...]:
    """All of them, in this size."""
    burst, slow = {"n": chunks}, {"n": paced, "pace": PACE}
    return (
        Workload(
            "LangChain invoke", "call", invoke, LANGCHAIN,
            (beside(0.5), beside(0.3, CHAT_OPENAI)),
            rounds=25, repeated=10,
        ),
        Workload(
            "LangChain stream", "chunk", stream, LANGCHAIN, (beside(0.25),),
            units=chunks, rounds=25, server=burst,
        ),
        Workload(
            "LangChain async stream", "chunk", astream, LANGCHAIN, (beside(0.25),),
            units=chunks, rounds=25, server=burst,
        ),
        Workload(
            "LangChain stream, 2 ms apart", "chunk", stream, LANGCHAIN, (beside(0.5),),
            units=paced, rounds=5, server=slow,
        ),
        Workload(
            "LangChain async stream, 2 ms apart", "chunk", astream, LANGCHAIN, (beside(0.5),),
            units=paced, rounds=5, server=slow,
        ),
        Workload(
            f"LangChain, {calls} concurrent ainvoke", "call",
            partial(ainvoke_together, calls=calls), LANGCHAIN, (beside(0.25),),
            units=calls, rounds=5, server={"lat": 50},
        ),
        Workload(
            "LlamaIndex chat", "call", chat, LLAMAINDEX,
            (Target(PORTKEY_MISTRAL, 0.08, MISTRAL_AI),),
            rounds=15, repeated=10,
        ),
        Workload(
            "LlamaIndex stream", "chunk", stream_chat, LLAMAINDEX,
            (Target(PORTKEY_MISTRAL, 0.04, MISTRAL_AI),),
            units=chunks, rounds=5, server=burst,
        ),
        Workload(
            "Core chat", "call", call, (CLIENT, HTTPX), (Target(CLIENT, 1.0, HTTPX),),
            rounds=25, repeated=20,
        ),
        Workload(
            "Embeddings, 50 ms latency", "text", partial(embed, texts=texts),
            (EMBEDDINGS, PACKED_EMBEDDINGS, MISTRAL_AI_EMBEDDINGS),
            (
                Target(EMBEDDINGS, 0.35, MISTRAL_AI_EMBEDDINGS),
                Target(PACKED_EMBEDDINGS, 0.25, MISTRAL_AI_EMBEDDINGS),
            ),
            units=texts, rounds=3, clock="wall", server={"lat": 50},
        ),
        Workload(
            "One more client", "client", construct, (CLIENT, HTTPX), (Target(CLIENT, 1_000),),
            rounds=7, repeated=3, subject=maker,
        ),
        Workload(
            "One more LangChain model", "model", construct, LANGCHAIN,
            (Target(CHAT_PORTKEY_MISTRAL, 1_000),),
            rounds=7, repeated=3, subject=maker,
        ),
        Workload(
            "One more LlamaIndex model", "model", construct, LLAMAINDEX,
            (Target(PORTKEY_MISTRAL, 1_000),),
            rounds=7, repeated=3, subject=maker,
        ),
    )  # fmt: skip

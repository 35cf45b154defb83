"""What is measured, of whom and how: one table, `workloads`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import tasks
from contenders import (
    BARE_LANGCHAIN_FLOOR,
    CHAT_MISTRAL_AI,
    CHAT_OPENAI,
    CHAT_PORTKEY_MISTRAL,
    CORE,
    EMBEDDINGS,
    LANGCHAIN,
    LLAMAINDEX,
    LLAMAINDEX_FLOOR,
    MISTRAL_AI_EMBEDDINGS,
    PACKED_EMBEDDINGS,
    Contender,
)

__all__ = ["LATENCY", "PACE", "Sizes", "Workload", "workloads"]

LATENCY, PACE = 50, 2_000
WARM = "warm: calls back to back"
ONE_A_TURN = f"one call a turn, {LATENCY} ms latency"
BURST = "warm: all chunks at once"
Maker = Callable[[Contender, str], Any]


@dataclass(frozen=True)
class Sizes:
    """How much of each a round does; tests make it small."""

    chunks: int = 500
    paced: int = 200
    calls: int = 200
    threads: int = 50
    texts: int = 100_000
    steps: int = 10
    json_bytes: int = 40_000
    histories: tuple[int, ...] = (20, 100, 1_000)
    tools: tuple[int, ...] = (10, 100)


@dataclass(frozen=True)
class Workload:
    """`run(subject)` does `units` of work, on a loop if it is async, and returns their number as it saw them.

    A round repeats that `repeated` times. `server` are the options of the fake server, `taken` says in words how the
    row is measured. `subject(contender, url)` makes what `run` is given; the default is the contender's object.
    """

    name: str
    unit: str
    taken: str
    run: Callable[[Any], int] | Callable[[Any], Awaitable[int]]
    contenders: tuple[Contender, ...]
    units: int = 1
    rounds: int = 9
    repeated: int = 1
    clock: Literal["CPU", "wall"] = "CPU"
    server: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    subject: Maker = lambda contender, url: contender.make(url)

    @property
    def is_warm(self) -> bool:
        return self.taken in (WARM, BURST)


def made(prepare: Callable[[Any], Any]) -> Maker:
    return lambda contender, url: prepare(contender.make(url))


def maker(contender: Contender, _: str) -> Callable[[], Any]:
    """An https address, so that certificates are paid for by who reads them at once."""
    return partial(contender.make, "https://127.0.0.1:1/v1")


def workloads(sizes: Sizes | None = None) -> tuple[Workload, ...]:
    """All of them, in these sizes."""
    size = sizes or Sizes()
    return (
        *_calls(size),
        *_streams(size),
        *_many(size),
        *_agents(size),
        *_llamaindex(size),
        *_others(size),
    )


MODELS = LANGCHAIN[:-1]  # without the floor
SYNC_LANGCHAIN = (*LANGCHAIN, BARE_LANGCHAIN_FLOOR)
QUICK = (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI, CHAT_OPENAI)


def _calls(size: Sizes) -> tuple[Workload, ...]:
    warm = Workload(
        "LangChain invoke", "call", WARM, tasks.invoke, SYNC_LANGCHAIN, rounds=25, repeated=10
    )
    through = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    exempt = "localhost,127.0.0.1,.internal,10.0.0.0/8"
    return (
        Workload(
            "LangChain invoke, one call a turn", "call", ONE_A_TURN, tasks.invoke, SYNC_LANGCHAIN,
            rounds=120, server={"lat": LATENCY},
        ),
        warm,
        replace(warm, name="LangChain invoke, a callback listening", run=tasks.invoke_with_callback),
        replace(
            warm, name="LangChain invoke, proxy variables and NO_PROXY", contenders=QUICK,
            environment={**through, "NO_PROXY": exempt},
        ),
        *(
            replace(
                warm, name=f"LangChain invoke, {count} tools bound", run=tasks.invoke,
                contenders=MODELS, subject=made(partial(tasks.with_tools, count=count)), repeated=5,
            )
            for count in size.tools
        ),
        *(
            replace(
                warm, name=f"LangChain invoke, {count:,} messages with tool turns", contenders=MODELS,
                run=partial(tasks.invoke_history, count=count), repeated=10 if count <= 100 else 2,
            )
            for count in size.histories
        ),
    )  # fmt: skip


def _streams(size: Sizes) -> tuple[Workload, ...]:
    burst = Workload(
        "LangChain stream", "chunk", BURST, tasks.stream, SYNC_LANGCHAIN,
        units=size.chunks, rounds=15, server={"n": size.chunks},
    )  # fmt: skip
    slow = replace(
        burst, taken=f"a chunk every {PACE / 1000:g} ms", units=size.paced, rounds=5,
        server={"n": size.paced, "pace": PACE}, contenders=(*QUICK, BARE_LANGCHAIN_FLOOR),
    )  # fmt: skip
    return (
        burst,
        replace(burst, name="LangChain stream, a callback listening", run=tasks.stream_with_callback),
        replace(burst, name="LangChain astream", run=tasks.astream, contenders=LANGCHAIN),
        replace(
            burst, name="LangChain astream_events v2", run=tasks.astream_events, rounds=7,
            contenders=LANGCHAIN,
        ),
        replace(slow, name="LangChain stream, paced"),
        replace(slow, name="LangChain astream, paced", run=tasks.astream, contenders=QUICK),
        Workload(
            "LangChain streamed structured output", "answer", f"{size.json_bytes:,} bytes of JSON",
            tasks.stream_object, QUICK, rounds=1, server={"json": size.json_bytes},
            subject=made(tasks.with_schema),
        ),
    )  # fmt: skip


def _many(size: Sizes) -> tuple[Workload, ...]:
    together = f"all at once, {LATENCY} ms latency"
    return (
        Workload(
            f"LangChain, {size.calls} concurrent ainvoke", "call", together,
            partial(tasks.ainvoke_together, calls=size.calls), LANGCHAIN,
            units=size.calls, rounds=5, server={"lat": LATENCY},
        ),
        Workload(
            f"LangChain batch on {size.threads} threads", "call", together,
            partial(tasks.batch, calls=size.calls, threads=size.threads), SYNC_LANGCHAIN,
            units=size.calls, rounds=5, server={"lat": LATENCY},
        ),
    )  # fmt: skip


def _agents(size: Sizes) -> tuple[Workload, ...]:
    agent = Workload(
        "LangChain create_agent", "call", f"3 tools, {size.steps} calls a run", tasks.run_agent, QUICK,
        units=size.steps, rounds=25, server={"steps": size.steps}, subject=made(tasks.agent),
    )  # fmt: skip
    return (
        agent,
        replace(agent, name="LangChain create_agent, async", run=tasks.arun_agent),
        replace(
            agent, name='LangChain create_agent, stream_mode="messages"', run=tasks.stream_agent
        ),
    )


def _llamaindex(size: Sizes) -> tuple[Workload, ...]:
    warm = Workload("LlamaIndex chat", "call", WARM, tasks.chat, LLAMAINDEX, rounds=15, repeated=5)
    agents = tuple(who for who in LLAMAINDEX if who is not LLAMAINDEX_FLOOR)
    return (
        replace(
            warm, name="LlamaIndex chat, one call a turn", taken=ONE_A_TURN, rounds=60, repeated=1,
            server={"lat": LATENCY},
        ),
        warm,
        Workload(
            "LlamaIndex stream_chat", "chunk", BURST, tasks.stream_chat, LLAMAINDEX,
            units=size.chunks, rounds=5, server={"n": size.chunks},
        ),
        Workload(
            "LlamaIndex FunctionAgent", "call", f"3 tools, {size.steps} calls a run",
            tasks.run_function_agent, agents, units=size.steps, rounds=5,
            server={"steps": size.steps}, subject=made(tasks.function_agent),
        ),
    )  # fmt: skip


def _others(size: Sizes) -> tuple[Workload, ...]:
    new = Workload(
        "One more LangChain model", "model", "the first one exists", tasks.construct, MODELS,
        rounds=7, repeated=3, subject=maker,
    )  # fmt: skip
    return (
        Workload(
            "Chat without a framework", "call", WARM, tasks.call, CORE, rounds=15, repeated=10,
            subject=tasks.caller,
        ),
        Workload(
            "Chat without a framework, one call a turn", "call", ONE_A_TURN, tasks.call, CORE,
            rounds=60, server={"lat": LATENCY}, subject=tasks.caller,
        ),
        Workload(
            "Embeddings", "text", f"{size.texts:,} texts, {LATENCY} ms latency, elapsed time",
            partial(tasks.embed, texts=size.texts),
            (EMBEDDINGS, PACKED_EMBEDDINGS, MISTRAL_AI_EMBEDDINGS),
            units=size.texts, rounds=1, clock="wall", server={"lat": LATENCY},
        ),
        new,
        replace(new, name="One more LlamaIndex model", contenders=LLAMAINDEX[:-1]),
    )  # fmt: skip


def named_like(name: str, among: tuple[Workload, ...]) -> tuple[Workload, ...]:
    return tuple(each for each in among if name.lower() in each.name.lower())

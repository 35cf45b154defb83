"""How cost grows: CPU time per unit, from few to many. Each line is flat, or its growth is explained."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tasks
from contenders import CHAT_PORTKEY_MISTRAL, CLIENT, MODEL, PORTKEY_MISTRAL, Contender
from measuring import cpu_seconds

from portkey_mistral import ChatRequest, Client, EmbeddingRequest, Message, Tool

TEXTS = (1_000, 10_000, 100_000, 1_000_000)

__all__ = ["GROWTHS", "Growth", "Line", "grow", "measured", "verdict"]

URL = Callable[..., str]
Work = Callable[[], object]
CORE, LANGCHAIN, LLAMAINDEX = "core", "LangChain", "LlamaIndex"
WAYS: Mapping[str, Contender] = {
    CORE: CLIENT,
    LANGCHAIN: CHAT_PORTKEY_MISTRAL,
    LLAMAINDEX: PORTKEY_MISTRAL,
}
CPU, MEMORY = "CPU time", "memory"
FLAT = 1.3  # measured twice, the same work differs by as much on a shared machine


@dataclass(frozen=True)
class Growth:
    """`prepare(way, url, size, runner)` gives what to time, which does `units(size)` units of work."""

    name: str
    unit: str
    axis: str
    prepare: Callable[[str, URL, int, asyncio.Runner], Work]
    sizes: Sequence[int]
    why: str
    ways: tuple[str, ...] = (CORE, LANGCHAIN, LLAMAINDEX)
    units: Callable[[int], int] = lambda size: size


@dataclass(frozen=True)
class Line:
    """The measurements by workload and size: microseconds of CPU time per unit, or MB of memory."""

    name: str
    unit: str
    axis: str
    measure: str
    values: dict[str, dict[int, float]]
    verdict: str


def question(way: str, count: int = 1) -> Any:
    """A conversation of this many messages, in the format of the workload; the last one is the user's."""
    roles = ["user" if (count - at) % 2 else "assistant" for at in range(count)]
    if roles[0] == "assistant":
        roles[0] = "system"
    if way == LANGCHAIN:
        from langchain_core.messages.utils import convert_to_messages

        return convert_to_messages([(role, "That depends.") for role in roles])
    if way == LLAMAINDEX:
        from llama_index.core.llms import ChatMessage

        return [ChatMessage(role=role, content="That depends.") for role in roles]
    message_of = {"user": Message.user, "assistant": Message.assistant, "system": Message.system}
    return ChatRequest(model=MODEL, messages=[message_of[role]("That depends.") for role in roles])


def asking(way: str, made: Any) -> Callable[[Any], object]:
    return made.invoke if way == LANGCHAIN else made.chat


def asking_async(way: str, made: Any) -> Callable[[Any], Any]:
    return made.ainvoke if way == LANGCHAIN else made.achat


def texts_of(way: str, made: Any, prompt: Any) -> Iterator[str]:
    if way == LANGCHAIN:
        return (chunk.content for chunk in made.stream(prompt))
    if way == LLAMAINDEX:
        return (response.delta for response in made.stream_chat(prompt))
    return (delta.text for delta in made.stream(prompt))


def concurrent_calls(way: str, url: URL, size: int, runner: asyncio.Runner) -> Work:
    ask, prompt = asking_async(way, WAYS[way].make(url(lat=50))), question(way)

    async def together() -> None:
        await asyncio.gather(*(ask(prompt) for _ in range(size)))

    return lambda: runner.run(together())


def chunks(way: str, url: URL, size: int, _: asyncio.Runner) -> Work:
    made, prompt = WAYS[way].make(url(n=size)), question(way)

    def read() -> None:
        assert sum(map(bool, texts_of(way, made, prompt))) == size

    return read


def messages(way: str, url: URL, size: int, _: asyncio.Runner) -> Work:
    ask, prompt = asking(way, WAYS[way].make(url())), question(way, size)
    return lambda: ask(prompt)


def tools(way: str, url: URL, size: int, _: asyncio.Runner) -> Work:
    made, prompt = WAYS[way].make(url()), question(way)
    if way == LANGCHAIN:
        bound = tasks.with_tools(made, count=size)
        return lambda: bound.invoke(prompt)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    request = replace(prompt, tools=[Tool(f"tool_{at}", "A tool.", schema) for at in range(size)])
    return lambda: made.chat(request)


def targets(way: str, url: URL, size: int, _: asyncio.Runner) -> Work:
    """The config is parsed once; this is the cost of its size for each call."""
    several = [
        {"custom_host": url(), "api_key": f"k{number}", "cb_config": {"failure_threshold": 5}}
        for number in range(size)
    ]
    config = {"strategy": {"mode": "loadbalance"}, "targets": several}
    client, prompt = Client(base_url=url(), portkey_config=config), question(way)
    return lambda: client.chat(prompt)


def texts(_: str, url: URL, size: int, __: asyncio.Runner) -> Work:
    client = Client(base_url=url(dim=64), api_key="k")

    def read() -> None:
        inputs = (f"short text number {number} about pools" for number in range(size))
        request = EmbeddingRequest(
            model="mistral-embed", inputs=inputs, encoding_format="base64"
        )  # fmt: skip
        assert sum(len(batch.vectors) for batch in client.embed_iter(request)) == size

    return read


GROWTHS = (
    Growth(
        "Concurrent calls",
        "call",
        "calls at the same time",
        concurrent_calls,
        (1, 10, 100, 1_000),
        "Python's garbage collector looks through all calls in flight, again and again",
    ),
    Growth(
        "Chunks of a stream",
        "chunk",
        "chunks",
        chunks,
        (10, 100, 1_000, 10_000),
        "LangChain keeps all chunks until the end, and the garbage collector looks through them",
    ),
    Growth(
        "Messages of a history",
        "message",
        "messages",
        messages,
        (1, 10, 100, 1_000),
        "",
    ),
    Growth(
        "Tools bound to a model",
        "tool",
        "tools",
        tools,
        (1, 10, 100, 1_000),
        "",
        ways=(CORE, LANGCHAIN),
    ),
    Growth(
        "Targets of a config",
        "call",
        "targets",
        targets,
        (1, 10, 100, 1_000),
        "what a server says is searched for the key of each, so that no answer can show one",
        ways=(CORE,),
        units=lambda _: 1,
    ),
    Growth(
        "Texts of an embedding job",
        "text",
        "texts",
        texts,
        TEXTS,
        "",
        ways=(CORE,),
    ),
)


def grow(url: URL, *, budget: float) -> Iterator[Line]:
    """Measure all of them, without the largest sizes if the budget is small."""
    for growth in GROWTHS:
        sizes = growth.sizes if budget >= 0.5 else growth.sizes[:-1]
        yield measured(growth, url, sizes, budget=budget)
    if Path("/proc/self/status").exists():  # Linux
        yield memory(url, TEXTS if budget >= 0.5 else TEXTS[:-1])


def memory(url: URL, sizes: Sequence[int]) -> Line:
    """Peak memory of a process that embeds texts, all at once and as they come."""
    costs = {
        way: {size: _peak(_MEMORY[way], url, size) for size in sizes} for way in _MEMORY
    }  # fmt: skip
    sentence = "embed_iter holds a few batches; embed holds all vectors, which it returns."
    return Line("Memory of an embedding job", "job", "texts", MEMORY, costs, sentence)


def _peak(code: str, url: URL, size: int) -> float:
    script = _EMBEDDING.format(url=url(dim=64), size=size) + code
    return float(subprocess.check_output([sys.executable, "-W", "ignore", "-c", script])) / 1024


_EMBEDDING = """
from portkey_mistral import Client, EmbeddingRequest
client = Client(base_url={url!r}, api_key="k")
texts = (f"short text number {{number}} about pools" for number in range({size}))
request = EmbeddingRequest(model="mistral-embed", inputs=texts, encoding_format="base64")
"""
# `getrusage` would count the memory of the process that started this one.
_PEAK = """
with open("/proc/self/status") as status:
    print(*(line.split()[1] for line in status if line.startswith("VmHWM")))
"""
_MEMORY = {
    "embed_iter": f"for batch in client.embed_iter(request): pass\n{_PEAK}",
    "embed": f"vectors = client.embed(request).vectors\n{_PEAK}",
}


def measured(growth: Growth, url: URL, sizes: Sequence[int], *, budget: float) -> Line:
    """Spend this many seconds on each size, or as long as one run takes."""
    ways = [way for way in growth.ways if WAYS[way].installed]
    costs = {way: _costs(growth, way, url, sizes, budget) for way in ways}
    return Line(growth.name, growth.unit, growth.axis, CPU, costs, verdict(costs, growth.why))


def _costs(
    growth: Growth, way: str, url: URL, sizes: Sequence[int], budget: float
) -> dict[int, float]:
    costs = {}
    with asyncio.Runner() as runner:
        for size in sizes:
            work = growth.prepare(way, url, size, runner)
            costs[size] = cpu_seconds(work, budget=budget) / growth.units(size) * 1e6
    return costs


def verdict(costs: Mapping[str, Mapping[int, float]], why: str) -> str:
    """One sentence: flat, or by how much a unit becomes more expensive, and why."""
    dearer = {way: _times_dearer(line) for way, line in costs.items()}
    grown = {way: times for way, times in dearer.items() if times > FLAT}
    if not grown:
        return "Flat: a unit costs no more if there are more of them."
    growths = ", ".join(f"{times:.1f} times in {way}" for way, times in grown.items())
    return f"Dearer among the most ({growths}): {why or 'not explained'}."


def _times_dearer(line: Mapping[int, float]) -> float:
    """How much more a unit costs at the largest size than at its cheapest."""
    costs = list(line.values())
    return costs[-1] / min(costs)

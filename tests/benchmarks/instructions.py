"""`make count`: how many bytecode instructions a call executes, in all and of this package.

Unlike times, the counts are the same in every run, also on a busy machine, so they show what a change is worth. They do
not show the work of compiled code (JSON, pydantic, sockets).
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import tasks
from contenders import (
    CHAT_MISTRAL_AI,
    CHAT_PORTKEY_MISTRAL,
    MISTRAL_AI,
    PORTKEY_MISTRAL,
    Contender,
)
from measuring import ENVIRONMENT, environment, serving

__all__ = ["Count", "count", "of_one", "rows"]

_FOLDERS = tuple(
    str(Path(spec.origin).parent) + os.sep
    for name in ("portkey_mistral", "langchain_portkey_mistral", "llamaindex_portkey_mistral")
    if (spec := find_spec(name)) is not None and spec.origin is not None
)
_LANGCHAIN, _LLAMAINDEX = (
    (CHAT_PORTKEY_MISTRAL, CHAT_MISTRAL_AI),
    (PORTKEY_MISTRAL, MISTRAL_AI),
)


@dataclass(frozen=True)
class Count:
    """Instructions, those of this package, and how many of its functions ran."""

    instructions: float
    ours: float
    functions: int


def count(work: Callable[[], object]) -> Count:
    """Count one run of some work, after others that fill its caches."""
    executed: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            executed[frame.f_code] += 1
        return trace

    for _ in range(3):
        work()
    before = sys.gettrace()
    gc.disable()  # finalizers belong to earlier work
    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks at the frame that sets the tracer
    sys.settrace(trace)
    try:
        work()  # Python 3.13 counts a function from its second call on
        executed.clear()
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    own = {code: times for code, times in executed.items() if _is_ours(code)}
    return Count(executed.total(), sum(own.values()), len(own))


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_FOLDERS)


def of_one(small: Count, large: Count, units: int) -> Count:
    """The count of one unit, from two runs that differ by so many."""
    return Count(
        (large.instructions - small.instructions) / units,
        (large.ours - small.ours) / units,
        large.functions,
    )


def rows(url: Callable[..., str], loop: asyncio.Runner) -> Iterator[tuple[str, dict[str, Count]]]:
    """Every row: its name, and the count of each contender."""

    def streamed(who: Contender, read: Callable[[Any], object]) -> Count:
        small, large = (count(partial(read, who.make(url(n=n)))) for n in (100, 200))
        return of_one(small, large, 100)

    def history(who: Contender) -> Count:
        model = who.make(url())
        small, large = (count(partial(tasks.invoke_history, model, count=n)) for n in (101, 201))
        return of_one(small, large, 100)

    def tools(who: Contender) -> Count:
        bound = [tasks.with_tools(who.make(url()), count=n) for n in (10, 60)]
        small, large = (count(partial(tasks.invoke, model)) for model in bound)
        return of_one(small, large, 50)

    def whole(who: Contender, call: Callable[[Any], object]) -> Count:
        return count(partial(call, who.make(url())))

    measured: tuple[tuple[str, tuple[Contender, ...], Callable[[Contender], Count]], ...] = (
        ("LangChain invoke, a call", _LANGCHAIN, lambda who: whole(who, tasks.invoke)),
        (
            "LangChain ainvoke, a call",
            _LANGCHAIN,
            lambda who: whole(who, lambda model: loop.run(tasks.ainvoke_together(model, calls=1))),
        ),
        ("LangChain history, a message", _LANGCHAIN, history),
        ("LangChain bound tools, a tool", _LANGCHAIN, tools),
        ("LangChain stream, a chunk", _LANGCHAIN, lambda who: streamed(who, tasks.stream)),
        (
            "LangChain astream, a chunk",
            _LANGCHAIN,
            lambda who: streamed(who, lambda model: loop.run(tasks.astream(model))),
        ),
        ("LlamaIndex chat, a call", _LLAMAINDEX, lambda who: whole(who, tasks.chat)),
        (
            "LlamaIndex stream_chat, a chunk",
            _LLAMAINDEX,
            lambda who: streamed(who, tasks.stream_chat),
        ),
    )
    for name, contenders, measure in measured:
        yield name, {who.name: measure(who) for who in contenders if who.installed}


def main() -> None:
    print(f"{'instructions':36}{'':20}{'all':>9}{'ours':>9}{'functions of ours':>19}")
    with environment(ENVIRONMENT), serving() as url, asyncio.Runner() as loop:
        for name, counts in rows(url, loop):
            for at, (who, each) in enumerate(counts.items()):
                print(
                    f"{'' if at else name:36}{who:20}{each.instructions:9,.0f}{each.ours:9,.0f}"
                    f"{each.functions:19}",
                    flush=True,
                )


if __name__ == "__main__":
    main()

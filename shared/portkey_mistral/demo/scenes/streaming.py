"""An answer shown while it is written, in LangChain."""

from __future__ import annotations

import time
from collections.abc import Iterator

from langchain_portkey_mistral import ChatPortkeyMistral
from portkey_mistral import sandbox
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.stage import SANDBOX, Arguments, Stage

QUESTION = "When was Mistral Small 4 released, how large is its window, and what does it cost?"


def answer(context: str, connection: Arguments) -> Iterator[str]:
    prompt = f"Context:\n{context}\n\nQuestion: {QUESTION}"
    for chunk in ChatPortkeyMistral(**connection).stream(prompt):
        yield chunk.text


def play(stage: Stage) -> None:
    stage.code(answer)
    stage.ask(QUESTION)
    page = "\n\n".join(p.text for p in passages() if p.page == "mistral-small-2603.md")
    if stage.connection is SANDBOX:
        # A model takes its time over a word; the sandbox does not, unless it is told to.
        sandbox.get().inject(sandbox.Fault(event_delay=0.03))
    started = time.monotonic()
    arrived: list[float] = []
    column = 0
    for text in filter(None, answer(page, stage.connection)):
        arrived.append(time.monotonic() - started)
        column = stage.write(text, column)
    stage.console.print()
    first = f"{1000 * arrived[0]:.0f} ms" if arrived else "never"
    stage.say("stream", f"{len(arrived)} pieces, the first after {first}")

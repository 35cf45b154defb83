"""Shows a streamed answer as it arrives."""

from __future__ import annotations

import time
from collections.abc import Iterable

from portkey_mistral import sandbox
from portkey_mistral.demo.corpus import passages
from portkey_mistral.demo.stage import SANDBOX, Stage

__all__ = ["show_stream", "slow_down", "stream_context"]


def stream_context() -> str:
    """Return the page from which the question can be answered."""
    return "\n\n".join(p.text for p in passages() if p.page == "mistral-small-2603.md")


def slow_down(stage: Stage) -> None:
    """Make the sandbox as slow as a model."""
    if stage.connection is SANDBOX:
        sandbox.get().inject(sandbox.Fault(event_delay=0.03))


def show_stream(stage: Stage, pieces: Iterable[str]) -> None:
    """Print the pieces of an answer, and how many they were."""
    started = time.monotonic()
    arrived: list[float] = []
    column = 0
    for text in filter(None, pieces):
        arrived.append(time.monotonic() - started)
        column = stage.write(text, column)
    stage.console.print()
    first = f"{1000 * arrived[0]:.0f} ms" if arrived else "never"
    stage.say("stream", f"{len(arrived)} pieces, the first after {first}")

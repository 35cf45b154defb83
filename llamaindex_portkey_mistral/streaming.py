"""A stream of the core's deltas, shown item by item: each with the whole message so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from llamaindex_portkey_mistral.moulding import text_item
from llamaindex_portkey_mistral.responses import from_delta, from_response, to_completion
from portkey_mistral import Assembler
from portkey_mistral.responses import CallInfo, Delta

if TYPE_CHECKING:
    from portkey_mistral import AsyncStream, Stream

__all__ = ["Unfolding", "as_completions", "as_completions_async", "unfold", "unfold_async"]


# A loop holds its tasks only weakly.
_closing: set[asyncio.Task[None]] = set()


class Unfolding:
    """Joins deltas to items. What is decided about a stream is decided here, once for sync and async."""

    def __init__(self, names: Mapping[str, str], *, single: bool) -> None:
        self._names = names
        self._single = single
        self._answer = Assembler()
        # The event that told the usage; the newest while none has.
        self._told = Delta()

    def item(self, delta: Delta) -> ChatResponse | None:
        """Take one delta in; return what it shows. Of several answers the first is shown as it comes."""
        self._answer.add(delta)
        if delta.usage is not None or self._answer.usage is None:
            self._told = delta
        if delta.choice != 0:
            return None
        text = self._answer.text
        if text is not None and delta.text and not (delta.parts or delta.logprobs):
            return text_item(text, delta.text, delta.raw)
        return from_delta(delta, self._answer.messages()[0], self._names, single=self._single)

    def last(self, info: CallInfo) -> ChatResponse:
        """Return the closing item: nothing new to see, but the whole message, usage and finish reason.

        Token counters read only the last item, so its `raw` is the event that carried the usage.
        """
        answer = replace(self._answer.response(info), raw=self._told.raw)
        item = from_response(answer, self._names, single=self._single)
        item.delta = ""
        return item


def unfold(stream: Stream, unfolding: Unfolding) -> Generator[ChatResponse, None, None]:
    with stream:
        while deltas := stream.read():
            for delta in deltas:
                if (item := unfolding.item(delta)) is not None:
                    yield item
    yield unfolding.last(stream.info)


async def unfold_async(
    stream: AsyncStream, unfolding: Unfolding
) -> AsyncGenerator[ChatResponse, None]:
    try:
        while deltas := await stream.read():
            for delta in deltas:
                if (item := unfolding.item(delta)) is not None:
                    yield item
    except GeneratorExit:
        _close_soon(stream)
        raise
    yield unfolding.last(stream.info)


def _close_soon(stream: AsyncStream) -> None:
    """Close a stream that nobody reads on, in a task of its own.

    A loop that ends closes all generators at once, and complains of one that another is closing. So none
    here waits for an inner one.
    """
    with suppress(RuntimeError):  # no loop is left, and with it no connection
        task = asyncio.get_running_loop().create_task(_closed(stream))
        _closing.add(task)
        task.add_done_callback(_closing.discard)


async def _closed(stream: AsyncStream) -> None:
    with suppress(RuntimeError):  # the loop closes it already
        await stream.aclose()


def as_completions(
    items: Generator[ChatResponse, None, None],
) -> Generator[CompletionResponse, None, None]:
    with closing(items):
        for item in items:
            yield to_completion(item)


async def as_completions_async(
    items: AsyncGenerator[ChatResponse, None],
) -> AsyncGenerator[CompletionResponse, None]:
    async for item in items:
        yield to_completion(item)

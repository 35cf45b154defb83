"""A stream of the core's deltas, shown item by item: each with the whole message so far."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from llamaindex_portkey_mistral.responses import from_delta, from_response, to_completion
from portkey_mistral import Assembler, AsyncStream, Stream
from portkey_mistral.responses import CallInfo, Delta

__all__ = ["Unfolding", "as_completions", "as_completions_async", "unfold", "unfold_async"]


class Unfolding:
    """Joins deltas to items. What is decided about a stream is decided here, once for sync and async."""

    def __init__(self, names: Mapping[str, str], *, single: bool) -> None:
        self._names = names
        self._single = single
        self._answer = Assembler()
        self._raw: Mapping[str, Any] = {}

    def item(self, delta: Delta) -> ChatResponse | None:
        """Take one delta in; return what it shows. Of several answers the first is shown as it comes."""
        self._answer.add(delta)
        if delta.usage is not None or self._answer.usage is None:
            self._raw = delta.raw
        if delta.choice != 0:
            return None
        return from_delta(delta, self._answer.messages()[0], self._names, single=self._single)

    def last(self, info: CallInfo) -> ChatResponse:
        """Return the closing item: nothing new to see, but the whole message, usage and finish reason.

        Token counters read only the last item, so its `raw` is the event that carried the usage.
        """
        answer = replace(self._answer.response(info), raw=self._raw)
        item = from_response(answer, self._names, single=self._single)
        item.delta = ""
        return item


def unfold(deltas: Stream, unfolding: Unfolding) -> Generator[ChatResponse, None, None]:
    with deltas:
        for delta in deltas:
            if (item := unfolding.item(delta)) is not None:
                yield item
    yield unfolding.last(deltas.info)


async def unfold_async(
    deltas: AsyncStream, unfolding: Unfolding
) -> AsyncGenerator[ChatResponse, None]:
    async with deltas:
        async for delta in deltas:
            if (item := unfolding.item(delta)) is not None:
                yield item
    yield unfolding.last(deltas.info)


def as_completions(
    items: Generator[ChatResponse, None, None],
) -> Generator[CompletionResponse, None, None]:
    with closing(items):
        for item in items:
            yield to_completion(item)


async def as_completions_async(
    items: AsyncGenerator[ChatResponse, None],
) -> AsyncGenerator[CompletionResponse, None]:
    async with aclosing(items):
        async for item in items:
            yield to_completion(item)

"""Turns the core's deltas into LlamaIndex stream items, each of which carries the whole message so far."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from llama_index.core.base.llms.types import ChatResponse, CompletionResponse

from llamaindex_portkey_mistral._responses import from_delta, from_response, to_completion
from portkey_mistral import Assembler
from portkey_mistral.responses import CallInfo, Delta

if TYPE_CHECKING:
    from portkey_mistral import AsyncStream, Stream

__all__ = [
    "ResponseStream",
    "astream_responses",
    "ato_completions",
    "stream_responses",
    "to_completions",
]


class ResponseStream:
    """Accumulates deltas and builds an item for each; shared by the sync and the async generators.

    `tool_names` maps tool names on the wire to the caller's own; `single_call` keeps only the first tool call.
    """

    def __init__(self, tool_names: Mapping[str, str], *, single_call: bool) -> None:
        self._tool_names = tool_names
        self._single_call = single_call
        self._answer = Assembler()
        self._usage_event = Delta()

    def add(self, delta: Delta) -> ChatResponse | None:
        """Add a delta and return its item, or None if it adds nothing visible to the first choice."""
        self._answer.add(delta)
        if delta.usage is not None or self._answer.usage is None:
            self._usage_event = delta
        if delta.choice != 0:
            return None
        message = self._answer.message(0)
        return from_delta(delta, message, self._tool_names, single_call=self._single_call)

    def finish(self, info: CallInfo) -> ChatResponse:
        """Return the closing item: an empty delta with the whole message, usage and finish reason.

        Token counters read `raw` of the last item only, so it is the event that reported the usage.
        """
        answer = replace(self._answer.response(info), raw=self._usage_event.raw)
        item = from_response(answer, self._tool_names, single_call=self._single_call)
        item.delta = ""
        return item


def stream_responses(
    stream: Stream, responses: ResponseStream
) -> Generator[ChatResponse, None, None]:
    """Yield an item for every delta that shows something, then the closing item."""
    with stream:
        while deltas := stream.read():
            for delta in deltas:
                if (item := responses.add(delta)) is not None:
                    yield item
    yield responses.finish(stream.info)


# Closing the stream is left to asyncio, which does it when this generator drops the stream or the loop ends: at the end
# of a loop asyncio closes all async generators at once, and reports an error for one that another generator is closing.
async def astream_responses(
    stream: AsyncStream, responses: ResponseStream
) -> AsyncGenerator[ChatResponse, None]:
    """Yield an item for every delta that shows something, then the closing item."""
    while deltas := await stream.read():
        for delta in deltas:
            if (item := responses.add(delta)) is not None:
                yield item
    yield responses.finish(stream.info)


def to_completions(
    items: Generator[ChatResponse, None, None],
) -> Generator[CompletionResponse, None, None]:
    """Convert the items of a chat stream to items of a completion."""
    with closing(items):
        for item in items:
            yield to_completion(item)


async def ato_completions(
    items: AsyncGenerator[ChatResponse, None],
) -> AsyncGenerator[CompletionResponse, None]:
    """Convert the items of a chat stream to items of a completion."""
    async for item in items:
        yield to_completion(item)

"""Writes the events of LangChain's protocol (`stream_events(version="v3")`) straight from deltas. Pure.

LangChain's core can make them of our chunks too, at three times the cost an event; and it keeps only the last
of several citations of one text, and only the last piece of the log probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from langchain_portkey_mistral.messages_out import to_tool_calls
from langchain_portkey_mistral.metadata import PROVIDER, known
from langchain_portkey_mistral.streaming import NOTHING, ChunkWriter
from portkey_mistral.messages import ToolCall
from portkey_mistral.responses import CallInfo, Delta

__all__ = ["Event", "EventWriter"]

Event: TypeAlias = dict[str, Any]
Block: TypeAlias = dict[str, Any]

# The member of a block that grows, and the event's words for its growth.
_GROWS: Mapping[str, tuple[str, str]] = {
    "text": ("text", "text-delta"),
    "reasoning": ("reasoning", "reasoning-delta"),
    "tool_call_chunk": ("args", "tool-call-delta"),
}


class EventWriter:
    """Writes the events of one answer: `begin`, `events` for each delta, `end` when the stream has ended."""

    __slots__ = ("_blocks", "_logprobs", "_places", "_writer")

    def __init__(self, names: Mapping[str, str] = NOTHING) -> None:
        self._writer = ChunkWriter(names)
        # The protocol counts blocks from 0 in the order of their first piece.
        self._places: dict[int, int] = {}
        self._blocks: list[Block] = []
        self._logprobs: dict[str, list[Any]] = {}

    def begin(self, message_id: str) -> Event:
        """Write the event that opens the answer."""
        metadata = {"provider": PROVIDER}
        return {"event": "message-start", "role": "ai", "id": message_id, "metadata": metadata}

    def events(self, delta: Delta) -> Iterator[Event]:
        """Write what a delta adds to the answer."""
        for name, pieces in (delta.logprobs or {}).items():
            self._logprobs.setdefault(name, []).extend(pieces or ())
        for block in self._writer.blocks(delta):
            yield from self._piece(block.pop("index"), _told(block))

    def end(self, info: CallInfo) -> Iterator[Event]:
        """Write the events that close the blocks and the answer."""
        for place, block in enumerate(self._blocks):
            yield {"event": "content-block-finish", "index": place, "content": _whole(block)}
        last = self._writer.last(info)
        metadata = known(logprobs=self._logprobs or None) | last.response_metadata
        usage = known(usage=last.usage_metadata)
        yield {"event": "message-finish", "metadata": metadata} | usage

    def _piece(self, index: int, piece: Block) -> Iterator[Event]:
        place = self._places.get(index)
        member, word = _GROWS.get(piece["type"], ("", ""))
        if place is None:
            place = self._places[index] = len(self._blocks)
            self._blocks.append(piece)
            skeleton = piece | {member: ""} if member else piece
            yield {"event": "content-block-start", "index": place, "content": skeleton}
        else:
            _grow(self._blocks[place], piece, member)
        if piece.get(member):
            delta = {"type": word, member: piece[member]}
            yield {"event": "content-block-delta", "index": place, "delta": delta}


def _told(block: Block) -> Block:
    """Wrap what LangChain's core knows as a block but not in events, where it would drop it."""
    return {"type": "non_standard", "value": block} if block["type"] == "refusal" else block


def _grow(block: Block, piece: Block, member: str) -> None:
    """Add a piece to its block. What comes late, such as a signature or a citation, is kept too."""
    for name, value in piece.items():
        if name == member:
            block[name] += value
        elif name == "annotations":
            block[name] = [*block.get(name, ()), *value]
        elif isinstance(value, dict):
            block[name] = {**block.get(name, {}), **value}
        elif value is not None:
            block[name] = value


def _whole(block: Block) -> Block:
    """Turn the pieces of a call into a call, or into one that cannot be read."""
    if block["type"] != "tool_call_chunk":
        return block
    call = ToolCall(block["id"], block["name"] or "", block["args"])
    valid, invalid = to_tool_calls((call,))
    return dict((valid or invalid)[0])

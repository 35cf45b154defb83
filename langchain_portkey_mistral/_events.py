"""Converts the deltas of a stream to the events of LangChain's protocol (`stream_events(version="v3")`).

LangChain can derive these events from message chunks too, but then keeps only the last of several citations
of one text, and only the last piece of the log probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from langchain_core.utils.utils import LC_ID_PREFIX

from langchain_portkey_mistral._chunks import ChunkBuilder
from langchain_portkey_mistral._metadata import PROVIDER
from langchain_portkey_mistral._to_langchain import to_tool_calls
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.messages import ToolCall
from portkey_mistral.responses import CallInfo, Delta

__all__ = ["Event", "EventBuilder"]

Event: TypeAlias = dict[str, Any]
Block: TypeAlias = dict[str, Any]

# Block type -> the member that is streamed, and the type of the delta that carries a piece of it.
_STREAMED_MEMBERS: Mapping[str, tuple[str, str]] = {
    "text": ("text", "text-delta"),
    "reasoning": ("reasoning", "reasoning-delta"),
    "tool_call_chunk": ("args", "tool-call-delta"),
}


class EventBuilder:
    """Builds the events of one answer: `start`, `add` for each delta, then `finish`."""

    def __init__(self, tool_names: Mapping[str, str] | None = None) -> None:
        """Start an answer; for `tool_names` see `ChunkBuilder`."""
        self._chunks = ChunkBuilder(tool_names)
        # The protocol numbers blocks from 0, in the order in which they start.
        self._positions: dict[int, int] = {}
        self._blocks: list[Block] = []
        self._logprobs: dict[str, list[Any]] = {}

    def start(self, run_id: UUID | None) -> Event:
        """Build the event that opens the message; its id is the one LangChain gives a run's message."""
        return {
            "event": "message-start",
            "role": "ai",
            "id": f"{LC_ID_PREFIX}-{run_id}" if run_id else "",
            "metadata": {"provider": PROVIDER},
        }

    def add(self, delta: Delta) -> Iterator[Event]:
        """Convert a delta."""
        for name, pieces in (delta.logprobs or {}).items():
            self._logprobs.setdefault(name, []).extend(pieces or ())
        for block in self._chunks.blocks(delta):
            yield from self._add_block(block.pop("index"), _supported(block))

    def finish(self, info: CallInfo) -> Iterator[Event]:
        """Build the events that close the blocks and the message."""
        truncated = self._chunks.is_truncated
        for position, block in enumerate(self._blocks):
            yield {
                "event": "content-block-finish",
                "index": position,
                "content": _finished_block(block, truncated=truncated),
            }
        last = self._chunks.finish(info)
        metadata = drop_none(logprobs=self._logprobs or None) | last.response_metadata
        usage = drop_none(usage=last.usage_metadata)
        yield {"event": "message-finish", "metadata": metadata} | usage

    def _add_block(self, index: int, piece: Block) -> Iterator[Event]:
        position = self._positions.get(index)
        member, delta_type = _STREAMED_MEMBERS.get(piece["type"], ("", ""))
        if position is None:
            position = self._positions[index] = len(self._blocks)
            self._blocks.append(piece)
            start = piece | {member: ""} if member else piece
            yield {"event": "content-block-start", "index": position, "content": start}
        else:
            _merge_into(self._blocks[position], piece, member)
        if piece.get(member):
            delta = {"type": delta_type, member: piece[member]}
            yield {"event": "content-block-delta", "index": position, "delta": delta}


def _supported(block: Block) -> Block:
    """Wrap a block type that LangChain knows in messages, but would drop from events."""
    return {"type": "non_standard", "value": block} if block["type"] == "refusal" else block


def _merge_into(block: Block, piece: Block, streamed_member: str) -> None:
    """Add a piece to its block, with whatever comes late: a signature, a citation."""
    for name, value in piece.items():
        if name == streamed_member:
            block[name] += value
        elif name == "annotations":
            block[name] = [*block.get(name, ()), *value]
        elif isinstance(value, dict):
            block[name] = {**block.get(name, {}), **value}
        elif value is not None:
            block[name] = value


def _finished_block(block: Block, *, truncated: bool) -> Block:
    """Return the block; of a tool call, with its arguments parsed, or as an invalid call."""
    if block["type"] != "tool_call_chunk":
        return block
    call = ToolCall(block["id"], block["name"] or "", block["args"])
    valid, invalid = to_tool_calls((call,), truncated=truncated)
    return dict((valid or invalid)[0])

"""Converts the deltas of a stream to LangChain's chunks.

When LangChain merges chunks it matches content blocks by `index` alone, whatever their type, and in the v1
content format tool calls share that index space with text. Blocks and tool calls therefore take their
indexes from one counter; 0 is reserved for plain text, which carries no index itself.

Merging also concatenates the strings of `response_metadata`, so a value that holds for the whole answer
(model, id, finish reason) is put on the last chunk only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_portkey_mistral._invalid_arguments import invalidating_ending
from langchain_portkey_mistral._metadata import (
    PROVIDER,
    AnswerMetadata,
    usage_metadata,
)
from langchain_portkey_mistral._to_langchain import is_plain_text, to_block, without_empty_text
from portkey_mistral.exceptions import ResponseFormatError
from portkey_mistral.messages import Part, ReferencePart, TextPart, ThinkingPart
from portkey_mistral.responses import TRUNCATED, CallInfo, Delta, ToolCallDelta

__all__ = ["TEXT_INDEX", "ChunkBuilder", "to_generation_chunk"]

TEXT_INDEX = 0
"""Index of the content block that plain text belongs to."""

# A text block that already has citations. More citations belong to it; more text starts a new block,
# or the citations would seem to cover it too.
_CITED_TEXT = "cited text"

# What callbacks read from the `generation_info` of a chunk.
_REPORTED = ("finish_reason", "logprobs")


class ChunkBuilder:
    """Builds the message chunks of one answer: `add` for each delta, then `finish`."""

    def __init__(self, tool_names: Mapping[str, str] | None = None) -> None:
        """Start an answer.

        Args:
            tool_names: The caller's names of tools by their names on the wire, where the two differ.
        """
        self._tool_names = tool_names or {}
        self._next_index = TEXT_INDEX + 1
        self._open_block: tuple[str, int] = ("", TEXT_INDEX)
        self._choice = -1
        self._has_blocks = False
        self._tool_calls: dict[int, _StreamedToolCall] = {}
        self._metadata = AnswerMetadata()

    def add(self, delta: Delta) -> AIMessageChunk | None:
        """Convert a delta; None if it adds nothing to the message itself.

        Raises:
            ResponseFormatError: the delta belongs to a second choice, which LangChain would merge into the
                first.
        """
        content = self._take(delta)
        if not (content or delta.tool_calls or delta.logprobs):
            return None
        metadata: dict[str, Any] = {"model_provider": PROVIDER}
        if delta.logprobs:
            metadata["logprobs"] = dict(delta.logprobs)
        return AIMessageChunk(
            content=content,
            tool_call_chunks=self._tool_call_chunks(delta) if delta.tool_calls else [],
            response_metadata=metadata,
        )

    def blocks(self, delta: Delta) -> list[dict[str, Any]]:
        """Convert a delta to content blocks, plain text and tool calls among them, each with its index.

        Raises:
            ResponseFormatError: the delta belongs to a second choice.
        """
        content = self._take(delta)
        if isinstance(content, str):
            content = [{"type": "text", "text": content, "index": TEXT_INDEX}] if content else []
        return [*content, *map(dict, self._tool_call_chunks(delta))]

    def finish(self, info: CallInfo) -> AIMessageChunk:
        """Build the last chunk: usage, finish reason, and how the call went."""
        usage = self._metadata.usage
        return AIMessageChunk(
            content=[] if self._has_blocks else "",
            tool_call_chunks=list(self._invalidated_tool_calls()),
            usage_metadata=usage_metadata(usage) if usage else None,
            response_metadata=self._metadata.as_dict(info),
            chunk_position="last",
        )

    @property
    def is_truncated(self) -> bool:
        """Whether the answer was cut off, as far as it has been received."""
        return self._metadata.finish_reason in TRUNCATED

    def _take(self, delta: Delta) -> str | list[Any]:
        """Record a delta, and return its content: text until a part of another type arrives, blocks from then on."""
        if delta.choice != self._choice:
            self._choose(delta.choice)
        self._metadata.record(delta)
        if not self._has_blocks and (not delta.parts or is_plain_text(delta.parts)):
            if delta.text:
                self._open_block = ("text", TEXT_INDEX)
            return delta.text
        self._has_blocks = True
        parts = without_empty_text(delta.parts or (TextPart(delta.text),))
        return _joined([self._block(part) for part in parts])

    def _choose(self, choice: int) -> None:
        if self._choice < 0:
            self._choice = choice  # some servers count from 1; usage alone has -1
        elif choice != -1:
            raise ResponseFormatError(
                "The server streamed several choices, but a LangChain stream is one message. Use n=1."
            )

    def _block(self, part: Part) -> dict[str, Any]:
        if isinstance(part, ThinkingPart):
            # LangChain refuses to merge two different booleans, and `closed` is False until the last piece.
            part = replace(part, closed=True)
        block = to_block(part)
        block["index"] = self._block_index(part, block["type"])
        return block

    def _block_index(self, part: Part, type_: str) -> int:
        """Return the index of the open block if the part continues it, else a new one."""
        open_type, open_index = self._open_block
        is_citation = isinstance(part, ReferencePart)
        continues = open_type == type_ or (is_citation and open_type == _CITED_TEXT)
        index = open_index if continues and type_ in ("text", "reasoning") else self._new_index()
        self._open_block = (_CITED_TEXT if is_citation else type_, index)
        return index

    def _new_index(self) -> int:
        index = self._next_index
        self._next_index += 1
        return index

    def _tool_call_chunks(self, delta: Delta) -> list[ToolCallChunk]:
        return [self._tool_call_chunk(call) for call in delta.tool_calls]

    def _tool_call_chunk(self, delta: ToolCallDelta) -> ToolCallChunk:
        call = self._tool_calls.get(delta.index)
        if call is None:
            call = self._tool_calls[delta.index] = _StreamedToolCall(self._new_index())
        call.arguments.append(delta.arguments)
        return ToolCallChunk(
            type="tool_call_chunk",
            name=self._tool_names.get(delta.name, delta.name) if delta.name else None,
            args=delta.arguments,
            id=delta.id or None,
            index=call.index,
        )

    def _invalidated_tool_calls(self) -> Iterator[ToolCallChunk]:
        """Make LangChain list a call with truncated arguments as invalid."""
        for call in self._tool_calls.values():
            arguments = "".join(call.arguments)
            if ending := invalidating_ending(arguments, truncated=self.is_truncated):
                yield ToolCallChunk(
                    type="tool_call_chunk", name=None, args=ending, id=None, index=call.index
                )


def _joined(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join the blocks of one delta that have one index: LangChain joins those of different chunks only."""
    joined: dict[int, dict[str, Any]] = {}
    for block in blocks:
        known = joined.setdefault(block["index"], block)
        if known is not block:
            joined[block["index"]] = _join(known, block)
    return list(joined.values())


def _join(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Return one block of two, as LangChain would merge them."""
    message: Any = AIMessageChunk(content=[first]) + AIMessageChunk(content=[second])
    (block,) = message.content
    return cast("dict[str, Any]", block)


class _StreamedToolCall:
    """A tool call of which pieces have arrived."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.arguments: list[str] = []


def to_generation_chunk(message: AIMessageChunk) -> ChatGenerationChunk:
    """Wrap a message chunk as `_stream` yields it."""
    metadata, info = message.response_metadata, None
    if not metadata.keys().isdisjoint(_REPORTED):
        info = {name: metadata[name] for name in _REPORTED if name in metadata}
    return ChatGenerationChunk(message=message, generation_info=info)

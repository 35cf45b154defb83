"""Turns the deltas of a stream into LangChain's message chunks. Pure: it holds only where it stands in the answer.

LangChain merges the blocks of chunks by `index` alone, whatever their type, and tool calls share that
space with text once content is shown as blocks. So all of them take their index from one counter; 0 is
kept for plain text, which carries no index of its own. Strings that stay the same in every chunk would be
glued together on merging, so they stand on the last chunk only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, cast

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.utils.json import parse_partial_json

from langchain_portkey_mistral.content_out import is_plain, said, to_block
from langchain_portkey_mistral.message_chunks import last_chunk, text_chunk
from langchain_portkey_mistral.metadata import (
    PROVIDER,
    call_metadata,
    known,
    usage_extras,
    usage_metadata,
)
from portkey_mistral.exceptions import ResponseFormatError
from portkey_mistral.messages import Part, ReferencePart, TextPart, ThinkingPart
from portkey_mistral.responses import CallInfo, Delta, ToolCallDelta, Usage

__all__ = ["NOTHING", "TEXT_INDEX", "ChunkWriter"]

NOTHING: Mapping[str, str] = {}
TEXT_INDEX = 0
"""Index of the block that plain text belongs to."""


_PLAIN_TEXT = ("text", TEXT_INDEX)
# The open block is a text that can take further citations, but no further text.
_CITED = "cited"


class ChunkWriter:
    """Writes the chunks of one answer: `chunk` for each delta, `last` when the stream has ended."""

    __slots__ = (
        "_arguments",
        "_blocks",
        "_created",
        "_finish",
        "_id",
        "_message_id",
        "_model",
        "_names",
        "_next",
        "_open",
        "_tools",
        "_usage",
    )

    def __init__(self, names: Mapping[str, str] = NOTHING, message_id: str | None = None) -> None:
        """Begin an answer.

        Args:
            names: The caller's own names of tools by those on the wire, where they differ.
            message_id: Id of the message; LangChain's core sets one where it is None.
        """
        self._names = names
        self._message_id = message_id
        self._next = TEXT_INDEX + 1
        self._open: tuple[str, int] = ("", TEXT_INDEX)
        self._blocks = False
        self._tools: dict[int, int] = {}
        self._arguments: dict[int, list[str]] = {}
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._model: str | None = None
        self._id: str | None = None
        self._created: int | None = None

    def chunk(self, delta: Delta) -> AIMessageChunk | None:
        """Write what a delta adds to the answer; None where it only tells how the answer ended.

        Raises:
            ResponseFormatError: a second answer came, which would be mixed into the first.
        """
        text = delta.text
        # As with almost every delta, there may be nothing to note: more text after text.
        if (
            text
            and self._open is _PLAIN_TEXT
            and delta.id == self._id
            and not (
                delta.parts
                or delta.tool_calls
                or delta.finish_reason
                or delta.usage
                or delta.logprobs
                or delta.choice
                or self._blocks
            )
        ):
            return text_chunk(text, self._message_id)
        self._note(delta)
        content = self._content(delta)
        if content and isinstance(content, str) and not (delta.tool_calls or delta.logprobs):
            return text_chunk(content, self._message_id)
        if not content and not delta.tool_calls and not delta.logprobs:
            return None
        logprobs = dict(delta.logprobs) if delta.logprobs else None
        return AIMessageChunk(
            content=cast("str | list[str | dict[Any, Any]]", content),
            id=self._message_id,
            tool_call_chunks=[self._tool_call(call) for call in delta.tool_calls],
            response_metadata=known(logprobs=logprobs, model_provider=PROVIDER),
        )

    def blocks(self, delta: Delta) -> list[dict[str, Any]]:
        """Write the same as blocks, each with its index and text among them.

        Raises:
            ResponseFormatError: a second answer came, which would be mixed into the first.
        """
        self._note(delta)
        content = self._content(delta)
        if isinstance(content, str):
            content = [{"type": "text", "text": content, "index": TEXT_INDEX}] if content else []
        return [*content, *(dict(self._tool_call(call)) for call in delta.tool_calls)]

    def last(self, info: CallInfo) -> AIMessageChunk:
        """Write the chunk that closes the answer: usage, finish reason and how the call went."""
        metadata = (
            known(
                finish_reason=self._finish,
                model_provider=PROVIDER,
                model_name=self._model,
                id=self._id,
                created=self._created,
            )
            | usage_extras(self._usage)
            | call_metadata(info)
        )
        fields = {
            "content": [] if self._blocks else "",
            "id": self._message_id,
            "tool_call_chunks": list(self._spoilers()),
            "usage_metadata": usage_metadata(self._usage) if self._usage else None,
            "response_metadata": metadata,
            "chunk_position": "last",
        }
        return last_chunk(fields)

    def _note(self, delta: Delta) -> None:
        """Keep what is told once, or in every event, for the last chunk."""
        if delta.choice > 0:
            raise ResponseFormatError(
                "The server streams several answers, and a stream of LangChain is one message. Ask for n=1."
            )
        if delta.model:
            self._model = delta.model
        if delta.id and delta.id != self._id:
            self._id = delta.id
            self._created = delta.raw.get("created")
        if delta.finish_reason:
            self._finish = delta.finish_reason
        if delta.usage:
            self._usage = delta.usage

    def _content(self, delta: Delta) -> str | list[dict[str, Any]]:
        """Write text as text until something else has come, and as blocks from then on."""
        if not self._blocks and is_plain(delta.parts):
            if delta.text:
                self._open = _PLAIN_TEXT
            return delta.text
        self._blocks = True
        return [self._block(part) for part in said(delta.parts or (TextPart(delta.text),))]

    def _block(self, part: Part) -> dict[str, Any]:
        if isinstance(part, ThinkingPart):
            # `closed` differs between pieces, and LangChain cannot merge two different booleans.
            part = replace(part, closed=True)
        block = to_block(part)
        block["index"] = self._place(part, block["type"])
        return block

    def _place(self, part: Part, kind: str) -> int:
        """Give the index of the open block if the part goes on with it, else that of a new one."""
        cites = isinstance(part, ReferencePart)
        goes_on = self._open[0] == kind or (cites and self._open[0] == _CITED)
        if kind not in ("text", "reasoning") or not goes_on:
            self._open = (kind, self._take())
        index = self._open[1]
        if cites:
            # The text after a citation is a block of its own, or the citation would cover it too.
            self._open = (_CITED, index)
        return index

    def _take(self) -> int:
        index = self._next
        self._next += 1
        return index

    def _tool_call(self, call: ToolCallDelta) -> ToolCallChunk:
        index = self._tools.get(call.index)
        if index is None:
            index = self._tools[call.index] = self._take()
        self._arguments.setdefault(index, []).append(call.arguments)
        return ToolCallChunk(
            type="tool_call_chunk",
            name=self._names.get(call.name, call.name) if call.name else None,
            args=call.arguments,
            id=call.id or None,
            index=index,
        )

    def _spoilers(self) -> Iterator[ToolCallChunk]:
        """Keep the calls whose arguments were cut off from being completed by guessing, and then run."""
        for index, pieces in self._arguments.items():
            if spoiler := _spoiler("".join(pieces)):
                yield ToolCallChunk(
                    type="tool_call_chunk", name=None, args=spoiler, id=None, index=index
                )


# One of them closes what is not open, wherever the text breaks off: in an object, a list, a string, or
# behind a backslash.
_ENDINGS = ("", "]", "}", '"]', '"}', '""]', '""}')


def _spoiler(arguments: str) -> str:
    """Return what makes LangChain see that arguments are not JSON; it closes all that is open when merging."""
    if not arguments.strip() or _read(json.loads, arguments) is not None:
        return ""
    return next(
        ending
        for ending in _ENDINGS
        if not isinstance(_read(parse_partial_json, arguments + ending), dict)
    )


def _read(parse: Callable[..., Any], text: str) -> Any:
    try:
        return parse(text, strict=False)
    except ValueError:
        return None

"""Puts the fragments of streamed tool calls in order, whatever the server does with ids and indexes.

Seen in the wild: whole calls in one event; calls in pieces, the id only on the first of them and absent,
empty or the text "null" on the others; ids that change in the middle of a call; two calls under one index;
no index; arguments as an object; no id at all.
"""

from __future__ import annotations

from typing import Any

from portkey_mistral._wire.faults import MalformedEvent
from portkey_mistral._wire.ids import known_id, short_id
from portkey_mistral._wire.json import dumps, loads
from portkey_mistral.responses import ToolCallDelta

__all__ = ["Fragments", "arguments_text"]


class _Call:
    __slots__ = ("id", "index", "name", "pieces")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.pieces: list[str] = []

    def is_complete(self) -> bool:
        try:
            return isinstance(loads("".join(self.pieces).encode()), dict)
        except ValueError:
            return False


class Fragments:
    """The tool calls of one choice of one stream."""

    __slots__ = ("_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[object, _Call] = {}

    def add(self, raw_calls: object) -> tuple[ToolCallDelta, ...]:
        """Read the `tool_calls` of one delta.

        Raises:
            MalformedEvent: they are not tool calls.
        """
        if not isinstance(raw_calls, list):
            raise MalformedEvent("tool_calls is not a list")
        return tuple(self._add(raw) for raw in raw_calls)

    def finish(self, seed: str) -> tuple[ToolCallDelta, ...]:
        """Give an id, made from `seed`, to each call that never got one."""
        named = []
        for call in self._calls:
            if call.id is None:
                call.id = short_id(f"{seed}:{call.index}")
                named.append(ToolCallDelta(call.index, call.id, None, ""))
        return tuple(named)

    def _add(self, raw: object) -> ToolCallDelta:
        function = raw.get("function") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(function, dict):
            raise MalformedEvent("a tool call has no function")
        id_, name = known_id(raw.get("id")), function.get("name") or None
        call = self._call_of(raw.get("index"), id_, name)
        arguments = arguments_text(function.get("arguments"))
        call.pieces.append(arguments)
        delta = ToolCallDelta(call.index, None, None, arguments)
        if call.id is None and id_ is not None:
            call.id = delta.id = id_
        if call.name is None and name is not None:
            call.name = delta.name = name
        return delta

    def _call_of(self, index: object, id_: str | None, name: str | None) -> _Call:
        call = self._calls[-1] if index is None and self._calls else self._by_index.get(index)
        if call is None or self._begins_another(call, id_, name):
            call = self._by_index[index] = _Call(len(self._calls))
            self._calls.append(call)
        return call

    @staticmethod
    def _begins_another(call: _Call, id_: str | None, name: str | None) -> bool:
        """Tell a second call under a used index from a piece of the first whose id has changed."""
        return name is not None and id_ is not None and id_ != call.id and call.is_complete()


def arguments_text(value: Any) -> str:
    """Return arguments as the JSON text they should be; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value).decode()

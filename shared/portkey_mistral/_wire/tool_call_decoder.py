"""Decodes tool calls: their arguments, and the fragments in which a stream sends them."""

from __future__ import annotations

import re
from typing import Any

from portkey_mistral._json import dumps
from portkey_mistral._wire.malformed import MalformedEvent
from portkey_mistral._wire.tool_call_ids import known_id, short_id
from portkey_mistral.responses import ToolCallDelta

__all__ = ["ToolCallDecoder", "whole_arguments_text"]

# `null` with white space around it.
_MAX_HELD = 16


def _arguments_text(value: Any) -> str:
    """Return arguments as JSON text; some servers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else dumps(value).decode()


def whole_arguments_text(value: Any, *, truncated: bool) -> str:
    """Return the whole arguments of a call as JSON text; models write `null` where a function has no parameters.

    Empty text stays if the answer was truncated: then the arguments are missing.
    """
    text = _arguments_text(value)
    if truncated and not text.strip():
        return ""
    return "{}" if text.strip() in ("", "null") else text


class ToolCallDecoder:
    """Decodes the tool calls of one choice of a stream.

    Mistral sends a call whole, or in fragments that share an `index`; only the first fragment of a call has to have an
    id and a name. Of two calls with one id, whose results could not be told apart, the second gets another.
    """

    __slots__ = ("_by_id", "_by_index", "_calls")

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._by_index: dict[object, _Call] = {}
        self._by_id: dict[str, _Call] = {}

    def feed(self, raw_calls: object) -> tuple[ToolCallDelta, ...]:
        """Decode the `tool_calls` of one delta.

        Raises:
            MalformedEvent: the value is not a list of tool calls.
        """
        if not isinstance(raw_calls, list):
            raise MalformedEvent("tool_calls is not a list")
        return tuple(self._delta(raw) for raw in raw_calls)

    def finish(self, seed: str) -> tuple[ToolCallDelta, ...]:
        """Return an id, derived from `seed`, for each call that has none, and arguments that were held back."""
        ids = {call: call.set_id(short_id(f"{seed}:{call.index}")) for call in self._calls}
        held = {call: call.held_arguments() for call in self._calls}
        return tuple(
            ToolCallDelta(call.index, ids[call], None, held[call])
            for call in self._calls
            if ids[call] or held[call]
        )

    def _delta(self, raw: object) -> ToolCallDelta:
        function = raw.get("function") if isinstance(raw, dict) else None
        if not isinstance(raw, dict) or not isinstance(function, dict):
            raise MalformedEvent("a tool call has no function")
        id_, name = known_id(raw.get("id")), function.get("name") or None
        if not isinstance(name, str | None):
            raise MalformedEvent("the name of a tool call is not a string")
        call = self._call(raw.get("index"), id_, name)
        if id_ is not None and self._by_id.setdefault(id_, call) is not call:
            id_ = None
        arguments = _arguments_text(function.get("arguments"))
        call.arguments.feed(arguments)
        return ToolCallDelta(
            call.index, call.set_id(id_), call.set_name(name), call.ready_arguments(arguments)
        )

    def _call(self, index: object, id_: str | None, name: str | None) -> _Call:
        """Return the call that a fragment belongs to: the last one if it has no index."""
        call = self._calls[-1] if index is None and self._calls else self._by_index.get(index)
        if call is None or call.is_followed_by(id_, name):
            call = self._by_index[index] = _Call(len(self._calls))
            self._calls.append(call)
        return call


class _Call:
    __slots__ = ("_held", "arguments", "id", "index", "name")

    def __init__(self, index: int) -> None:
        self.index = index
        self.id: str | None = None
        self.name: str | None = None
        self.arguments = _BalancedJSON()
        self._held: str | None = ""

    def set_id(self, id_: str | None) -> str | None:
        """Keep the first id and return it if it is new; GLM models switch ids within a call (mistral-vibe#1127)."""
        if self.id is not None or id_ is None:
            return None
        self.id = id_
        return id_

    def set_name(self, name: str | None) -> str | None:
        """Keep the first name and return it if it is new."""
        if self.name is not None or name is None:
            return None
        self.name = name
        return name

    def ready_arguments(self, fragment: str) -> str:
        """Return the arguments to pass on. What may become `null`, which means no arguments, is held back."""
        if self._held is None:
            return fragment
        text = self._held + fragment
        if len(text) <= _MAX_HELD and "null".startswith(text.strip()):
            self._held = text
            return ""
        self._held = None
        return text

    def held_arguments(self) -> str:
        """Return arguments that were held back but are not `null`."""
        held = (self._held or "").strip()
        return "" if held == "null" else held

    def is_followed_by(self, id_: str | None, name: str | None) -> bool:
        """Whether a fragment begins another call under the same index, rather than changing the id of this one."""
        if name is None or id_ is None or id_ == self.id:
            return False
        has_other_name = self.name is not None and name != self.name
        is_null = (self._held or "").strip() == "null"
        return has_other_name or is_null or self.arguments.is_complete


class _BalancedJSON:
    """Detects the end of a JSON object that arrives in fragments, by its brackets.

    Each fragment is scanned once; parsing all of them again for each new one would take quadratic time.
    """

    __slots__ = ("_depth", "_ends_in_backslash", "_in_string", "_opened")

    # A backslash escapes the next character, even if that is in the next fragment.
    _TOKEN = re.compile(r"""\\.?|["{}\[\]]""", re.DOTALL)

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = self._opened = self._ends_in_backslash = False

    @property
    def is_complete(self) -> bool:
        return self._opened and self._depth == 0

    def feed(self, text: str) -> None:
        if not text:
            return
        token = ""
        for token in self._TOKEN.findall(text, int(self._ends_in_backslash)):
            if token == '"':
                self._in_string = not self._in_string
            elif not self._in_string and token in "{[":
                self._depth, self._opened = self._depth + 1, True
            elif not self._in_string and token in "}]":
                self._depth -= 1
        self._ends_in_backslash = token == "\\"

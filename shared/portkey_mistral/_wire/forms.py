"""Recognises events that repeat an earlier one in all but their text. Pure.

Almost every event of an answer does, and reading its JSON costs more than all that is then done with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_core import from_json

from portkey_mistral.responses import Delta

__all__ = ["Form", "Seen", "form_of"]

# An event of one line: all before its last text, that text, and what follows. Mistral and OpenAI fill an event
# up with a last member, so that its size does not tell what was said.
_EVENT = re.compile(
    rb"""
    ( data: \ ? \{ .* "content": \ ?" )
    ( [^"\\\x00-\x1f]*+ (?: \\. [^"\\\x00-\x1f]*+ )*+ )
    (?:
        ( ".* "( p | obfuscation )": \ ?" ) [a-zA-Z0-9]++ "\}
        | ( ".* \} )
    )
    """,
    re.VERBOSE,
)
# Bytes are asked for a number three times as quickly as for bytes.
_QUOTE, _BACKSLASH = b'"\\'


Seen: TypeAlias = tuple[bytes, Delta]
"""An event, and what was read in it."""


@dataclass(slots=True)
class Form:
    """What events have in common that differ in nothing but their text, and what fills them up."""

    head: bytes
    tail: bytes
    filler: str | None
    index: int
    id: str | None
    model: str | None
    event: dict[str, Any]
    choice: dict[str, Any]
    said: dict[str, Any]

    def read(self, events: Iterator[bytes], deltas: list[Delta]) -> bytes | None:
        """Read events as long as they have this form; return the first that does not, None after the last."""
        head, tail, filler = self.head, self.tail, self.filler
        index, id_, model = self.index, self.id, self.model
        for event in events:
            rest = event.removeprefix(head)
            text, found, filling = rest.partition(tail)
            if len(rest) == len(event) or not found:
                return event
            if filling if filler is None else not _fills(filling):
                return event
            try:
                said = text.decode()
                if _QUOTE in text or _BACKSLASH in text or not said.isprintable():
                    said = from_json(b'"%b"' % text)
            except ValueError:
                return event
            # Past the constructor, which costs half as much again.
            delta: Any = _new(Delta)
            delta.choice, delta.text = index, said
            delta.id, delta.model = id_, model
            delta.parts = delta.tool_calls = ()
            delta.finish_reason = delta.usage = delta.logprobs = None
            delta.unwritten = _written, self, said, filling
            deltas.append(delta)
        return None


def _fills(filling: bytes) -> bool:
    """Whether this is what fills an event up, with all that is then closed."""
    return filling.endswith(b'"}') and filling[:-2].isalnum()


_new = object.__new__


def _written(unwritten: tuple[Any, Form, str, bytes]) -> dict[str, Any]:
    """Write the event of a delta."""
    _, form, text, filling = unwritten
    event = form.event.copy()
    event["choices"] = [{**form.choice, "delta": {**form.said, "content": text}}]
    if form.filler is not None:
        event[form.filler] = filling[:-2].decode()
    return event


def form_of(seen: Seen, before: Seen) -> Form | None:
    """Return the form of two events; None if they do not have one, or do not show it.

    It is taken from the first and has to read the second. That shows where the text is only if it differs.
    """
    (event, delta), (other, told) = seen, before
    if delta.text == told.text or (parts := _EVENT.fullmatch(event)) is None:
        return None
    form = _form(parts, delta)
    if form is None:
        return None
    read: list[Delta] = []
    form.read(iter((other,)), read)
    return form if read == [told] else None


def _form(parts: re.Match[bytes], delta: Delta) -> Form | None:
    head, _, tail, filler, whole_tail = parts.groups()
    tail = tail or whole_tail
    match delta.raw:
        case {"choices": [{"delta": {"content": str()} as said} as choice]} as event:
            # A container beside these would be shared by all events that are written.
            if (head + tail).count(b"{") > 3 or (head + tail).count(b"[") > 1:
                return None
            return Form(
                head,
                tail,
                filler.decode() if filler else None,
                delta.choice,
                delta.id,
                delta.model,
                # Copies, for what the caller was given is the caller's to change.
                {**event},
                {**choice},
                {**said},
            )
        case _:
            return None

"""Puts the name of a message before its text, for models whose messages have no field for it."""

from __future__ import annotations

from dataclasses import replace

from portkey_mistral.messages import Message, TextPart, ThinkingPart

__all__ = ["with_name_in_text"]


def with_name_in_text(message: Message) -> Message:
    """Return a user or assistant message with "NAME: " before its text; any other unchanged.

    An assistant message that only calls tools has no text to be named.
    """
    name = " ".join((message.name or "").split())
    if not name or message.role not in ("user", "assistant") or not message.content:
        return message
    heading = f"{name}: "
    if isinstance(message.content, str):
        return replace(message, content=heading + message.content)
    parts = list(message.content)
    # Thinking has to come first.
    start = next((at for at, part in enumerate(parts) if not isinstance(part, ThinkingPart)), None)
    if start is None:
        return message
    first = parts[start]
    if isinstance(first, TextPart):
        parts[start] = TextPart(heading + first.text)
    else:
        parts.insert(start, TextPart(heading))
    return replace(message, content=tuple(parts))

"""Converts a history from any vendor to one that Mistral accepts. The caller's messages are not changed.

The rules are those of Mistral's request validator (mistral-common) and its API reference: a certain order of roles, one
result for each tool call, ids of nine alphanumerics, no empty assistant message, and at the end a user message, a tool
result, or an assistant message that the model is to continue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from portkey_mistral._wire.tool_results import are_sendable, is_result, with_paired_results
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import (
    Content,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCall,
)

__all__ = ["repair"]

_BRIDGE = Message.assistant("OK")
_CLOSING = Message.user("Please respond.")
_OPENING = Message.user("(Earlier turns of this conversation are not shown.)")
_ROLES = frozenset({"system", "user", "assistant", "tool"})
# The roles that Mistral accepts at the start, and after each other, where no result of a tool is awaited.
_FOLLOWERS: Mapping[Role | None, frozenset[Role]] = {
    None: frozenset({"user", "system"}),
    "system": frozenset({"user", "assistant", "system"}),
    "user": frozenset({"assistant", "user", "system"}),
    "assistant": frozenset({"user", "assistant"}),
    "tool": frozenset({"assistant"}),
}


def repair(messages: Sequence[Message], *, new_answer: bool = False) -> list[Message]:
    """Return the history as Mistral accepts it; a valid one is returned equal.

    A last assistant message is continued, or followed by a short user message; see `Message.prefix`. `new_answer` means
    that the requested answer cannot continue a text.

    Raises:
        InvalidRequestError: there is nothing to send, or a message has an unknown role.
    """
    kept = _valid_part(messages)
    if messages and kept == len(messages):
        return list(messages)
    _check(messages, kept)
    ids = {call.id for message in messages[:kept] for call in message.tool_calls if call.id}
    paired = with_paired_results(messages[kept:], ids)
    repaired = [turn for turn in paired if not _is_empty_assistant(turn)]
    repaired = list(_with_bridges(_with_placed_systems(repaired)))
    turns = [*messages[:kept], *repaired]
    if not turns:
        raise InvalidRequestError(
            "The conversation has only empty assistant messages: add a message."
        )
    return _with_end(_with_user_first(turns), new_answer=new_answer)


def _check(messages: Sequence[Message], start: int) -> None:
    if not messages:
        raise InvalidRequestError("The conversation is empty: pass at least one message.")
    for at in range(start, len(messages)):
        if messages[at].role not in _ROLES:
            raise InvalidRequestError(
                f"messages[{at}] has the role {messages[at].role!r}; use one of {sorted(_ROLES)}."
            )


def _valid_part(messages: Sequence[Message]) -> int:
    """Return how many messages from the start on need no repair, whatever follows: all of a valid history.

    Where something has to be repaired, they end before an assistant message, because no repair after one changes what is
    before it. So a long history costs little more than a valid one if only its end has to be repaired.
    """
    previous: Role | None = None
    awaited: list[ToolCall] = []
    ids: set[str] = set()
    part = 0
    for at, message in enumerate(messages):
        role, calls = message.role, message.tool_calls
        follows = is_result(message, awaited.pop(0)) if awaited else role in _FOLLOWERS[previous]
        if not follows:
            return part
        if role == "assistant":
            if message.prefix or (not calls and _is_empty(message.content)):
                return part
            part = at
            if calls:
                if not are_sendable(calls, ids):
                    return part
                awaited = list(calls)
        elif calls or (role == "system" and not isinstance(message.content, str)):
            return part
        previous = role
    is_complete = previous in ("user", "tool") and not awaited
    return len(messages) if is_complete else part


def _is_empty_assistant(turn: Message) -> bool:
    return turn.role == "assistant" and not turn.tool_calls and _is_empty(turn.content)


def _is_empty(content: Content) -> bool:
    if isinstance(content, str):
        return not content
    return all(isinstance(part, TextPart) and not part.text for part in content)


def _with_placed_systems(turns: Sequence[Message]) -> Iterator[Message]:
    """Keep system messages where Mistral accepts them; elsewhere replace them by user messages."""
    previous: Message | None = None
    for at, turn in enumerate(turns):
        if turn.role != "system":
            placed: Iterable[Message] = (turn,)
        elif previous is not None and (
            previous.role in ("assistant", "tool") or at == len(turns) - 1
        ):
            placed = (Message.user(turn.content),)
        else:
            placed = _system_turns(turn)
        for previous in placed:
            yield previous


def _system_turns(turn: Message) -> Iterator[Message]:
    """Move parts that a system message may not contain (images and the like) to a user message after it."""
    if isinstance(turn.content, str):
        yield turn
        return
    allowed, other = _split(turn.content)
    if allowed or not other:
        yield replace(turn, content=allowed)
    if other:
        yield Message.user(other)


def _split(content: tuple[Part, ...]) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    allowed = tuple(part for part in content if isinstance(part, TextPart | ThinkingPart))
    other = tuple(part for part in content if not isinstance(part, TextPart | ThinkingPart))
    return allowed, other


def _with_bridges(turns: Iterable[Message]) -> Iterator[Message]:
    """Insert an assistant message between a tool result and a user message, which Mistral does not accept there."""
    previous = None
    for turn in turns:
        if previous == "tool" and turn.role == "user":
            yield _BRIDGE
        yield turn
        previous = turn.role


def _with_user_first(turns: list[Message]) -> list[Message]:
    """Insert a user message at the start if Mistral does not accept an assistant message there.

    Its validator ignores the tool calls of the first message, and then reports their results as unexpected; a single
    message has to be the user's or the system's.
    """
    first = turns[0]
    if first.role == "assistant" and (first.tool_calls or len(turns) == 1):
        return [_OPENING, *turns]
    return turns


def _with_end(turns: list[Message], *, new_answer: bool) -> list[Message]:
    """Mark a last assistant message, and no other, as prefix, or add a user message for the model to answer."""
    *earlier, last = turns
    earlier = [replace(turn, prefix=False) if turn.prefix else turn for turn in earlier]
    if last.role != "assistant":
        return [*earlier, replace(last, prefix=False) if last.prefix else last]
    if _is_continued(turns, new_answer=new_answer):
        return [*earlier, last if last.prefix else replace(last, prefix=True)]
    return [*earlier, last, _CLOSING]


def _is_continued(turns: Sequence[Message], *, new_answer: bool) -> bool:
    """Whether the last message, an assistant's, is the beginning of the answer."""
    if (decided := turns[-1].prefix) is not None:
        return decided
    # Only multi-agent frameworks set the name of an assistant message, to the agent that wrote it.
    return not new_answer and not any(turn.role == "assistant" and turn.name for turn in turns)

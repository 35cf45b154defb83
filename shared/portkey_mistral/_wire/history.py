"""Repairs a history from any vendor to what Mistral accepts. The caller's messages stay as they are.

The rules are those of Mistral's own request validator (mistral-common) and of its API reference:
roles in a certain order, every tool call answered once and right behind the turn that made it, ids of
nine alphanumerics, no empty assistant, a user, a tool or a prefix last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from portkey_mistral._wire.ids import is_short_id, known_id, short_id
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import Content, Message, Part, TextPart, ThinkingPart, ToolCall
from portkey_mistral.tool_names import wire_name

__all__ = ["repair"]

# The place of one tool call: (index of its message, position in it).
_Slot: TypeAlias = tuple[int, int]

_NO_RESULT = "No result of this tool call was recorded."
_BRIDGE = Message.assistant("OK")
_OPENING = Message.user("(Earlier turns of this conversation are not shown.)")
_ROLES = frozenset({"system", "user", "assistant", "tool"})


def repair(messages: Sequence[Message]) -> list[Message]:
    """Return the history as Mistral takes it; a history that is fine comes back equal.

    Raises:
        InvalidRequestError: there is nothing to send, or a message has a role that does not exist.
    """
    _check(messages)
    if _is_simple(messages):
        return list(messages)
    turns = [turn for turn in _paired(messages) if not _says_nothing(turn)]
    if not turns:
        raise InvalidRequestError(
            "The conversation holds only empty assistant turns: add a message."
        )
    return _finished(_opened(list(_bridged(_with_systems_placed(turns)))))


def _check(messages: Sequence[Message]) -> None:
    if not messages:
        raise InvalidRequestError("The conversation is empty: pass at least one message.")
    for at, message in enumerate(messages):
        if message.role not in _ROLES:
            raise InvalidRequestError(
                f"messages[{at}] has the role {message.role!r}; use one of {sorted(_ROLES)}."
            )


def _is_simple(messages: Sequence[Message]) -> bool:
    """Whether only users speak, in words or otherwise, after a system turn of text at most: nothing to mend."""
    first, *others = messages
    opens = first.role == "user" or (
        first.role == "system" and isinstance(first.content, str) and bool(others)
    )
    return opens and all(turn.role == "user" for turn in others)


# --- tool calls and their results -------------------------------------------------------------------


def _paired(messages: Sequence[Message]) -> Iterator[Message]:
    """Put one result right behind each call, under ids that Mistral accepts."""
    answers = _answers(messages)
    ids = _wire_ids(messages)
    claimed = frozenset(answers.values())
    for at, message in enumerate(messages):
        if message.role == "tool":
            if at not in claimed:
                yield _told(message)
        elif message.role == "assistant" and message.tool_calls:
            yield replace(
                message,
                tool_calls=tuple(
                    ToolCall(ids[at, position], _function_name(call.name), call.arguments or "{}")
                    for position, call in enumerate(message.tool_calls)
                ),
            )
            for position in range(len(message.tool_calls)):
                answer = answers.get((at, position))
                yield _result(ids[at, position], None if answer is None else messages[answer])
        else:
            yield message


def _calls(messages: Sequence[Message]) -> Iterator[tuple[_Slot, ToolCall]]:
    for at, message in enumerate(messages):
        if message.role == "assistant":
            for position, call in enumerate(message.tool_calls):
                yield (at, position), call


def _answers(messages: Sequence[Message]) -> dict[_Slot, int]:
    """Map each call that was answered to the index of its result.

    Ids may repeat from turn to turn (some vendors use the tool's name), so a result belongs to the
    newest call of its id that has none yet.
    """
    answers: dict[_Slot, int] = {}
    waiting: dict[_Slot, ToolCall] = {}
    for at, message in enumerate(messages):
        if message.role == "assistant":
            fresh = {(at, position): call for position, call in enumerate(message.tool_calls)}
            # The newest turn first; within a turn in order.
            waiting = fresh | waiting
        elif message.role == "tool":
            slot = next((slot for slot, call in waiting.items() if _fits(message, call)), None)
            if slot is not None:
                answers[slot] = at
                del waiting[slot]
    return answers


def _fits(result: Message, call: ToolCall) -> bool:
    wanted = known_id(result.tool_call_id)
    if wanted is not None:
        return wanted == call.id
    # Results of the older "function" role carry a name and no id.
    return result.name is None or result.name == call.name


def _wire_ids(messages: Sequence[Message]) -> dict[_Slot, str]:
    """Give each call an id of its own: the one it has, where that will do, else a stable hash of it."""
    calls = list(_calls(messages))
    taken = {call.id for _, call in calls if call.id is not None and is_short_id(call.id)}
    kept: set[str] = set()
    ids: dict[_Slot, str] = {}
    for slot, call in calls:
        own = known_id(call.id) or ""
        if own in taken and own not in kept and is_short_id(own):
            kept.add(own)
            ids[slot] = own
        else:
            ids[slot] = _unused_id(own, taken)
            taken.add(ids[slot])
    return ids


def _unused_id(text: str, taken: set[str]) -> str:
    while (candidate := short_id(text)) in taken:
        text += "'"
    return candidate


def _function_name(name: str) -> str:
    """Fit a name from elsewhere ("files.read") to what Mistral allows in a function's name."""
    return wire_name(name) or "unknown"


def _result(call_id: str, found: Message | None) -> Message:
    if found is None:
        return Message.tool(_NO_RESULT, tool_call_id=call_id)
    name = None if found.name is None else _function_name(found.name)
    return replace(found, tool_call_id=call_id, name=name)


def _told(result: Message) -> Message:
    """Tell a result whose call is not in the history (cut off, or answered before) as a user's words."""
    tool = f" {result.name!r}" if result.name else ""
    heading = f"[Result of a call of the tool{tool} that is not part of this conversation]\n"
    if isinstance(result.content, str):
        return Message.user(heading + result.content)
    return Message.user((TextPart(heading), *result.content))


# --- order of roles ---------------------------------------------------------------------------------


def _says_nothing(turn: Message) -> bool:
    return turn.role == "assistant" and not turn.tool_calls and _is_empty(turn.content)


def _is_empty(content: Content) -> bool:
    if isinstance(content, str):
        return not content
    return all(isinstance(part, TextPart) and not part.text for part in content)


def _with_systems_placed(turns: Sequence[Message]) -> Iterator[Message]:
    """Keep a system turn where Mistral takes one; behind an answer, or last, a user says it."""
    before: Message | None = None
    for at, turn in enumerate(turns):
        if turn.role != "system":
            placed: Iterable[Message] = (turn,)
        elif before is not None and (before.role in ("assistant", "tool") or at == len(turns) - 1):
            placed = (Message.user(turn.content),)
        else:
            placed = _system_turns(turn)
        for before in placed:
            yield before


def _system_turns(turn: Message) -> Iterator[Message]:
    """Split off what a system turn may not hold (images and the like) into a user turn."""
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


def _bridged(turns: Iterable[Message]) -> Iterator[Message]:
    """After a tool's result Mistral takes only an assistant or another result."""
    before = None
    for turn in turns:
        if before == "tool" and turn.role == "user":
            yield _BRIDGE
        yield turn
        before = turn.role


def _opened(turns: list[Message]) -> list[Message]:
    """Put a user in front where Mistral would not let an assistant begin.

    Its validator overlooks the tool calls of the very first message, and then finds their results
    unexpected; and an assistant alone is no conversation.
    """
    first = turns[0]
    if first.role == "assistant" and (first.tool_calls or len(turns) == 1):
        return [_OPENING, *turns]
    return turns


def _finished(turns: list[Message]) -> list[Message]:
    """Ask the model to go on from a last assistant turn, and from no other."""
    *earlier, last = turns
    settled = (replace(turn, prefix=False) if turn.prefix else turn for turn in earlier)
    prefix = last.role == "assistant"
    return list(chain(settled, [last if last.prefix == prefix else replace(last, prefix=prefix)]))

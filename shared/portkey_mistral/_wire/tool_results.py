"""Pairs the tool calls of a history with their results, under ids that Mistral accepts.

Mistral requires one result for each call, directly after the message with the calls, and a unique id of nine
alphanumerics for each (its API errors 3230 and 3280, and mistral-common's validator).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from portkey_mistral._json import dumps, loads
from portkey_mistral._wire.tool_call_ids import is_short_id, known_id, unique_ids
from portkey_mistral.messages import Message, TextPart, ToolCall
from portkey_mistral.requests import wire_name

__all__ = ["are_sendable", "is_result", "with_paired_results"]

# The location of a call: the index of its message, and its position among the calls there.
_Slot: TypeAlias = tuple[int, int]

# Whether a result belongs to a call; the flag is set if the result directly follows the message with the call.
_Matches: TypeAlias = Callable[[Message, ToolCall, bool], bool]

_NO_RESULT = "No result of this tool call was recorded."


def are_sendable(calls: Sequence[ToolCall], ids: set[str]) -> bool:
    """Return whether Mistral accepts these calls as they are, after others with these ids. Adds theirs."""
    for call in calls:
        id_ = call.id
        if id_ is None or id_ in ids or not is_short_id(id_):
            return False
        ids.add(id_)
        if _function_name(call.name) != call.name or _arguments_object(call) != call.arguments:
            return False
    return True


def is_result(message: Message, call: ToolCall) -> bool:
    """Return whether a message is the result of a call, and Mistral accepts it as it is."""
    return (
        message.role == "tool"
        and message.tool_call_id == call.id
        and (message.name is None or _function_name(message.name) == message.name)
    )


def with_paired_results(
    messages: Sequence[Message], earlier_ids: Collection[str] = ()
) -> Iterator[Message]:
    """Yield the messages with one result directly after each call.

    Missing results are filled in. A result without a call becomes a user message, so that the model still sees it.
    `earlier_ids` are those of calls before these messages, which have their results.
    """
    results = _results(messages, earlier_ids)
    ids = unique_ids(_calls(messages), earlier_ids)
    paired = frozenset(results.values())
    for at, message in enumerate(messages):
        if message.role == "tool":
            if at not in paired:
                yield _as_user_message(message)
        elif message.role == "assistant" and message.tool_calls:
            slots = [(at, position) for position in range(len(message.tool_calls))]
            yield replace(
                message,
                tool_calls=tuple(
                    ToolCall(ids[slot], _function_name(call.name), _arguments_object(call))
                    for slot, call in zip(slots, message.tool_calls, strict=True)
                ),
            )
            for slot in slots:
                yield _result(ids[slot], messages[results[slot]] if slot in results else None)
        else:
            yield message


def _calls(messages: Sequence[Message]) -> Iterator[tuple[_Slot, ToolCall]]:
    for at, message in enumerate(messages):
        if message.role == "assistant":
            for position, call in enumerate(message.tool_calls):
                yield (at, position), call


# --- matching results to calls -------------------------------------------------------------


def _results(messages: Sequence[Message], earlier_ids: Collection[str]) -> dict[_Slot, int]:
    """Map each call that has a result to the index of that result.

    Results are matched by id. Other integrations store calls without an id, use the tool's name as the id, or give a
    result another id: these are matched by name, else by order.
    """
    results: dict[_Slot, int] = {}
    for matches in (_has_same_id, _has_same_name, _is_next(messages, earlier_ids)):
        _pair(messages, results, matches)
    return results


def _pair(messages: Sequence[Message], results: dict[_Slot, int], matches: _Matches) -> None:
    """Add pairs that match. Ids and names may recur, so a result belongs to the newest call that it matches."""
    paired = frozenset(results.values())
    open_calls: dict[_Slot, ToolCall] = {}
    turn: int | None = None
    for at, message in enumerate(messages):
        if message.role == "assistant":
            turn = at
            calls = {(at, position): call for position, call in enumerate(message.tool_calls)}
            # Newest message first, its calls in order.
            open_calls = {s: call for s, call in calls.items() if s not in results} | open_calls
        elif message.role != "tool":
            turn = None
        elif at not in paired:
            matching = (s for s, call in open_calls.items() if matches(message, call, s[0] == turn))
            if (slot := next(matching, None)) is not None:
                results[slot] = at
                del open_calls[slot]


def _has_same_id(result: Message, call: ToolCall, _follows_directly: bool) -> bool:
    id_ = known_id(result.tool_call_id)
    return id_ is not None and id_ == call.id


def _has_same_name(result: Message, call: ToolCall, _follows_directly: bool) -> bool:
    id_, call_id = known_id(result.tool_call_id), known_id(call.id)
    if id_ is not None and call_id is not None:
        return False
    name = result.name or id_
    return name is not None and _function_name(name) == _function_name(call.name)


def _is_next(messages: Sequence[Message], earlier_ids: Collection[str]) -> _Matches:
    """Match the rest by order: results whose id no call has, and calls whose id no result has."""
    call_ids = {*earlier_ids, *(known_id(call.id) for _, call in _calls(messages))}
    result_ids = {
        *earlier_ids,
        *(known_id(each.tool_call_id) for each in messages if each.role == "tool"),
    }

    def matches(result: Message, call: ToolCall, follows_directly: bool) -> bool:
        id_, call_id = known_id(result.tool_call_id), known_id(call.id)
        if result.name is not None and _function_name(result.name) != _function_name(call.name):
            return False
        if id_ is None:
            return call_id is None or call_id not in result_ids
        return follows_directly and id_ not in call_ids and call_id not in result_ids - {None}

    return matches


# --- ids, names, arguments and results as Mistral accepts them --------------------------------------


def _arguments_object(call: ToolCall) -> str:
    """Return the arguments as a JSON object: some servers decode them, and reject a request with anything else.

    Other arguments are wrapped, as Anthropic's documentation advises for its own API.
    """
    text = call.arguments
    if _is_object(text):
        return text
    try:
        arguments = call.parse_arguments()
        # Printable text that can be parsed is JSON, if nested more deeply than the check above reads.
        return text if arguments and text.isprintable() else dumps(arguments).decode()
    except ValueError:
        return dumps({"INVALID_JSON": text}).decode()


def _is_object(arguments: str) -> bool:
    """Whether arguments are JSON (which has no line breaks within strings) of an object with members, or `{}`."""
    try:
        value = loads(arguments.encode("utf-8", "replace"), allow_inf_nan=False)
    except ValueError:
        return False
    return isinstance(value, dict) and (bool(value) or arguments == "{}")


def _function_name(name: str) -> str:
    """Replace the characters in a name ("files.read") that Mistral does not allow in a function's name."""
    return wire_name(name) or "unknown"


def _result(call_id: str, found: Message | None) -> Message:
    if found is None:
        return Message.tool(_NO_RESULT, tool_call_id=call_id)
    name = None if found.name is None else _function_name(found.name)
    return replace(found, tool_call_id=call_id, name=name)


def _as_user_message(result: Message) -> Message:
    """Convert a result whose call is not in the history (cut off, or answered before) to a user message."""
    tool = f" {result.name!r}" if result.name else ""
    heading = f"[Result of a call of the tool{tool} that is not part of this conversation]\n"
    if isinstance(result.content, str):
        return Message.user(heading + result.content)
    return Message.user((TextPart(heading), *result.content))

"""Mistral's rules for a conversation beyond its schema: order of roles, pairing of tool calls, ids.

Error codes and messages are those of the service (mistral-common's validator, version 3 and later).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from portkey_mistral.sandbox.errors import (
    RefusalError,
    invalid_assistant_message,
    invalid_function_call,
    invalid_message_order,
)
from portkey_mistral.sandbox.request_models import AssistantMessage, Message, ToolMessage

__all__ = ["check_message_order"]

_FOLLOWERS = {
    "system": {"user", "assistant", "system"},
    "user": {"user", "assistant", "system"},
    "assistant": {"assistant", "user", "tool"},
    "tool": {"assistant", "tool"},
}
_TOOL_ID = re.compile(r"[a-zA-Z0-9]{9}")


def check_message_order(messages: Sequence[Message]) -> None:
    """Raise the first error: first and last role, then order, contents, pairing and ids."""
    _check_ends(messages)
    _check_order(messages)
    _check_assistants(messages)
    _check_pairing(messages)
    _check_ids(messages)


def _check_ends(messages: Sequence[Message]) -> None:
    if not messages:
        raise invalid_message_order("Conversation must have at least one message")
    last = messages[-1]
    if len(messages) == 1 and last.role not in {"user", "system"}:
        raise invalid_message_order(
            f"Expected a single message to have role User or System but got {last.role}"
        )
    if isinstance(last, AssistantMessage) and not last.prefix:
        raise invalid_message_order(
            "Expected last role User or Tool (or Assistant with prefix True) "
            "for serving but got assistant"
        )


def _check_order(messages: Sequence[Message]) -> None:
    for before, after in pairwise(messages):
        if after.role not in _FOLLOWERS[before.role]:
            raise invalid_message_order(
                f"Unexpected role '{after.role}' after role '{before.role}'"
            )


def _check_assistants(messages: Sequence[Message]) -> None:
    for index, message in enumerate(messages):
        if not isinstance(message, AssistantMessage):
            continue
        if not message.content and not message.tool_calls:
            raise invalid_assistant_message(
                "Assistant message must have either content or tool_calls, but not none."
            )
        if message.prefix and index < len(messages) - 1:
            raise invalid_assistant_message(
                "Assistant message with prefix True must be last message"
            )


def _check_pairing(messages: Sequence[Message]) -> None:
    """Each call needs one result before the next assistant message, and before the end."""
    pending = 0
    for message in messages:
        match message:
            case ToolMessage():
                pending -= 1
            case AssistantMessage(tool_calls=calls):
                _expect_none(pending)
                pending = len(calls or ())
            case _:
                pass
    _expect_none(pending)


def _expect_none(pending: int) -> None:
    if pending:
        raise invalid_message_order("Not the same number of function calls and responses")


def _check_ids(messages: Sequence[Message]) -> None:
    open_ids: set[str] = set()
    for message in messages:
        match message:
            case AssistantMessage(tool_calls=calls):
                ids = [call.id for call in calls or ()]
                for each in ids:
                    _check_id(each)
                if len(set(ids)) < len(ids):
                    raise invalid_function_call(
                        f"Duplicate tool call id in assistant message: {ids}"
                    )
                open_ids = set(ids)
            case ToolMessage(tool_call_id=str(answered)):
                _check_id(answered)
                _expect_open(answered, open_ids)
                open_ids.discard(answered)
            case ToolMessage():
                raise invalid_function_call("Tool call id has to be defined.")
            case _:
                pass


def _expect_open(answered: str, open_ids: set[str]) -> None:
    if answered not in open_ids:
        raise _unexpected(answered)


def _unexpected(answered: str) -> RefusalError:
    return invalid_function_call(f"Unexpected tool call id {answered} in tool results")


def _check_id(tool_id: str) -> None:
    if tool_id == "null":
        raise invalid_function_call("Tool call id has to be defined in serving mode.")
    if not _TOOL_ID.fullmatch(tool_id):
        raise invalid_function_call(
            f"Tool call id was {tool_id} but must be a-z, A-Z, 0-9, with a length of 9."
        )

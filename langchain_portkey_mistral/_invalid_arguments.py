"""Keeps LangChain from completing tool arguments that the model did not finish.

LangChain parses the arguments of merged chunks leniently, so an agent would run a call that was cut off with whatever
had come of its arguments. Merging can only append. So the last chunk appends an ending that makes the arguments
invalid, and that tells how much of them the model wrote; it is removed wherever this package reads them.
"""

from __future__ import annotations

import re

from langchain_core.utils.json import parse_partial_json

from portkey_mistral.messages import ToolCall

__all__ = ["as_received", "invalidating_ending"]

# Wherever JSON breaks off (in an object, a list, a string, after a backslash), the bracket of one of these matches no
# bracket before it.
_MISMATCHES = ("]", "}", '"]', '"}', '""]', '""}')
_NOTE = " (not a JSON object; the model wrote the first {} characters)"
_ENDING = re.compile(re.escape(_NOTE).replace(re.escape("{}"), r"(\d{1,19})") + r"\Z")


def invalidating_ending(arguments: str, *, truncated: bool) -> str:
    """Return what to append to arguments that LangChain would complete to an object; "" for any others.

    `truncated` means that the answer was cut off.
    """
    try:
        ToolCall(None, "", arguments).parse_arguments(truncated=truncated)
    except ValueError:
        # Of a call without arguments LangChain makes an empty object.
        if arguments and not _is_object(arguments):
            return ""
        mismatch = next(each for each in _MISMATCHES if not _is_object(arguments + each))
        return mismatch + _NOTE.format(len(arguments))
    return ""


def as_received(arguments: str) -> str:
    """Return arguments as the model wrote them, without an ending of `invalidating_ending`."""
    note = _ENDING.search(arguments)
    if note is None:
        return arguments
    received, mismatch = arguments[: int(note[1])], arguments[int(note[1]) : note.start()]
    return received if mismatch in _MISMATCHES else arguments


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(parse_partial_json(arguments), dict)
    except (ValueError, RecursionError):
        return False

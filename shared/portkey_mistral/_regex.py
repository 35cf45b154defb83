"""Regular expressions, matched in time linear in the text.

Python's `re` and JavaScript's `RegExp` backtrack: a pattern such as `(a+)+$` takes them exponential time on a text that
an end user may have written. pydantic brings an engine that does not (Rust's `regex`). It has no backreferences and no
lookaround; lookahead at the beginning of an anchored pattern (`^(?!internal-)`) is matched as a pattern of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pydantic_core import SchemaError, SchemaValidator, core_schema

__all__ = ["UnsupportedPatternError", "from_javascript", "matcher"]


class UnsupportedPatternError(ValueError):
    """A pattern that is no regular expression, or none that can be matched in linear time. The text says why."""


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a text contains a match. The syntax is that of Rust's `regex`.

    Raises:
        UnsupportedPatternError: the engine cannot compile the pattern.
    """
    lookaheads, rest = _split_lookaheads(pattern)
    tests = [(_compiled(lookahead), wanted) for lookahead, wanted in lookaheads]
    tests.append((_compiled(rest), True))

    def matches(text: str) -> bool:
        text = text.encode("utf-8", "replace").decode()  # the engine takes no lone surrogates
        return all(test(text) is wanted for test, wanted in tests)

    return matches


def _compiled(pattern: str) -> Callable[[str], bool]:
    schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UnsupportedPatternError(reason.removeprefix("error: ")) from None


# --- lookahead ----------------------------------------------------------------------------------------

# An escape, a class, or one of the characters that decide where a group ends. A class without an end goes on to the end
# of the pattern, or looking for its end would begin again with each bracket in it.
_STRUCTURE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*(?:\]|\\?\Z)|[()|]", re.DOTALL)


def _split_lookaheads(pattern: str) -> tuple[list[tuple[str, bool]], str]:
    """Split `^(?=a)(?!b)c` into [("^(?:a)", True), ("^(?:b)", False)] and "^c"."""
    lookaheads: list[tuple[str, bool]] = []
    rest = pattern[1:] if pattern.startswith("^") else ""
    while rest.startswith(("(?=", "(?!")) and (end := _end_of_group(rest)):
        lookaheads.append((f"^(?:{rest[3 : end - 1]})", rest[2] == "="))
        rest = rest[end:]
    if lookaheads and (rest[:1] in ("*", "+", "?", "{") or _has_alternatives(rest)):
        raise UnsupportedPatternError("lookahead is supported at the beginning only, as in ^(?!a)b")
    return (lookaheads, f"^{rest}") if lookaheads else ([], pattern)


def _end_of_group(pattern: str) -> int | None:
    """Return the index after the group with which a pattern begins; None if it does not end."""
    return next(
        (end for part, depth, end in _structure(pattern) if part == ")" and not depth), None
    )


def _has_alternatives(pattern: str) -> bool:
    return any(part == "|" and not depth for part, depth, _ in _structure(pattern))


def _structure(pattern: str) -> Iterator[tuple[str, int, int]]:
    """Yield each parenthesis and bar, the depth of groups behind it, and the index behind it."""
    depth = 0
    for found in _STRUCTURE.finditer(pattern):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        yield found[0], depth, found.end()


# --- JavaScript -----------------------------------------------------------------------------------------

_ESCAPE = r"\\(?:c[A-Za-z]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)"
_TOKEN = re.compile(
    rf"(?P<escape>{_ESCAPE})|(?P<class>\[\^?(?:\\.|[^\]\\])*\])"
    r"|(?P<group>\((?:\?(?:[:=!]|<[A-Za-z_]\w*>))?(?!\?))|(?P<quantifier>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|.",
    re.DOTALL,
)
_MEMBER = re.compile(rf"{_ESCAPE}|.", re.DOTALL)
_BLANKS = r"\t-\r \u{a0}\u{1680}\u{2000}-\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}"
# JavaScript's classes and word boundaries are those of ASCII, but for blanks.
_ESCAPES = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[0-9A-Za-z_]",
    "W": "[^0-9A-Za-z_]",
    "s": f"[{_BLANKS}]",
    "S": f"[^{_BLANKS}]",
    "b": r"(?-u:\b)",
    "B": r"(?-u:\B)",
    "0": r"\x00",
} | {letter: f"\\{letter}" for letter in "tnvfr"}
_IN_CLASS = _ESCAPES | {"b": r"\x08", "B": "B"}
_EMPTY_CLASSES = {"[]": r"[^\x00-\u{10ffff}]", "[^]": r"[\x00-\u{10ffff}]"}
_ASSERTIONS = ("^", "$", r"\b", r"\B")
_NO_LINE_BREAK = r"[^\n\r\u{2028}\u{2029}]"


def from_javascript(pattern: str) -> str:
    """Translate a pattern of JavaScript's `RegExp`, without flags, to the syntax of `matcher`.

    Raises:
        UnsupportedPatternError: the pattern has lookbehind, a backreference or another part that cannot be translated.
    """
    translated: list[str] = []
    repeatable = False
    for token in _TOKEN.finditer(pattern):
        if token.lastgroup == "quantifier" and not repeatable:
            raise UnsupportedPatternError(f"nothing to repeat before {token[0]}")
        repeatable = token.lastgroup != "quantifier" and token[0] not in _ASSERTIONS
        translated.append(_translated(token))
    return "".join(translated)


def _translated(token: re.Match[str]) -> str:
    text = token[0]
    match token.lastgroup:
        case "escape":
            return _escape(text, _ESCAPES)
        case "class":
            return _class(text)
        case "group" | "quantifier":
            return text
        case _ if text == "(":
            raise UnsupportedPatternError("lookbehind and flags of groups are not supported")
        case _ if text in "[\\":
            raise UnsupportedPatternError(f"{text} is not ended")
        case _:
            return {".": _NO_LINE_BREAK, "{": r"\{"}.get(text, text)


def _class(text: str) -> str:
    negation = "^" if text.startswith("[^") else ""
    members = [_member(part) for part in _MEMBER.findall(text[1 + len(negation) : -1])]
    return f"[{negation}{''.join(members)}]" if members else _EMPTY_CLASSES[text]


def _member(part: str) -> str:
    if len(part) > 1:
        return _escape(part, _IN_CLASS)
    return rf"\{part}" if part in "[&~()|" else part  # of operators, or of our own `_STRUCTURE`


def _escape(text: str, known: dict[str, str]) -> str:
    letter = text[1]
    if letter in known:
        return known[letter]
    if letter == "c" and len(text) > 2:
        return rf"\x{ord(text[2]) % 32:02x}"
    if letter in "xu" and len(text) > 2:
        return text
    if letter.isdecimal() or letter in "kpP":
        raise UnsupportedPatternError(f"{text} is not supported")
    return letter if letter.isalnum() or not letter.isascii() else rf"\{letter}"

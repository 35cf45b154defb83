"""Regular expressions of schemas: whether a text matches, and texts that match."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from portkey_mistral._regex import UnsupportedPatternError, from_javascript, matcher

__all__ = ["matches", "pattern_error", "texts_matching"]

_CLASSES = {
    "d": "1",
    "w": "a",
    "s": " ",
    "D": "a",
    "W": "-",
    "S": "a",
    "b": "",
    "B": "",
    "A": "",
    "Z": "",
    "z": "",
}
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}
_CHOICES = "a0A-_ .~é"
_MEMBERS = {
    "d": "0123456789",
    "w": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
    "s": " \t\n",
}
_MOST_REPEATS = 1000
_MOST_TEXT = 10_000


class _UnknownSyntaxError(ValueError):
    """A part of a pattern that is not understood."""


def pattern_error(pattern: str) -> str | None:
    """Return why a pattern is no regular expression, or none that takes linear time."""
    found = _matcher(pattern)
    return found if isinstance(found, str) else None


def matches(pattern: str, text: str) -> bool:
    """Return whether a text contains a match; an invalid pattern matches nothing."""
    found = _matcher(pattern)
    return not isinstance(found, str) and found(text)


def texts_matching(pattern: str) -> Iterator[str]:
    """Yield candidates, each longer than the one before; none for a pattern that is not understood.

    Lookaround is ignored, so a candidate need not match.
    """
    last = None
    for extra in (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144):
        try:
            text = _Generator(pattern, extra).text()
        except (_UnknownSyntaxError, IndexError, ValueError, RecursionError):
            return
        if text != last:
            yield text
        last = text


@lru_cache(maxsize=500)
def _matcher(pattern: str) -> Callable[[str], bool] | str:
    """Compile a pattern of pydantic's engine, or of JavaScript, whose syntax JSON Schema recommends; else its error."""
    try:
        return matcher(pattern)
    except UnsupportedPatternError:
        try:
            return matcher(from_javascript(pattern))
        except UnsupportedPatternError as error:
            return str(error)


@dataclass(slots=True)
class _Generator:
    """A recursive descent over the pattern; each part returns its text. `extra` repeats go to open ends."""

    pattern: str
    extra: int
    at: int = 0

    def text(self) -> str:
        made = self._alternatives()
        if self.at < len(self.pattern):
            raise _UnknownSyntaxError(self.pattern)
        return made

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def _alternatives(self) -> str:
        first = self._sequence()
        while self._peek() == "|":
            self.at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        made = ""
        while self._peek() not in ("", "|", ")"):
            made += self._repeated(self._atom())
            if len(made) > _MOST_TEXT:
                raise _UnknownSyntaxError(self.pattern)
        return made

    def _atom(self) -> str:
        match self._take():
            case "(":
                return self._group()
            case "[":
                return self._character_class()
            case "\\":
                return self._escape()
            case ".":
                return "a"
            case "^" | "$":
                return ""
            case "*" | "+" | "?":
                raise _UnknownSyntaxError(self.pattern)
            case letter:
                return letter

    def _group(self) -> str:
        kept = True
        if self._peek() == "?":
            self.at += 1
            kept = self._group_prefix()
        made = self._alternatives()
        if self._take() != ")":
            raise _UnknownSyntaxError(self.pattern)
        return made if kept else ""

    def _group_prefix(self) -> bool:
        """Read what follows `(?`; return whether the group consumes text."""
        match self._take():
            case ":":
                return True
            case "=" | "!":
                return False
            case "<" if self._peek() in ("=", "!"):
                self.at += 1
                return False
            case "P" if self._peek() != "<":
                raise _UnknownSyntaxError(self.pattern)
            case "<" | "P":
                self.at = self.pattern.index(">", self.at) + 1
                return True
            case _:
                raise _UnknownSyntaxError(self.pattern)

    def _repeated(self, atom: str) -> str:
        least, most = 1, 1
        match self._peek():
            case "*":
                least, most = 0, _MOST_REPEATS
            case "+":
                least, most = 1, _MOST_REPEATS
            case "?":
                least, most = 0, 1
            case "{" if bounds := self._bounds():
                least, most = bounds
            case _:
                return atom
        if self._peek() in "*+?":
            self.at += 1
        if self._peek() and self._peek() in "?+":  # lazy or possessive
            self.at += 1
        if least > _MOST_REPEATS:
            raise _UnknownSyntaxError(self.pattern)
        return atom * max(least, min(most, self.extra))

    def _bounds(self) -> tuple[int, int] | None:
        end = self.pattern.find("}", self.at)
        low, comma, high = self.pattern[self.at + 1 : end].partition(",")
        if end < 0 or not (low.isdecimal() or (not low and high.isdecimal())):
            return None
        self.at = end + 1
        least = int(low or 0)
        return least, (int(high) if high else _MOST_REPEATS) if comma else least

    def _escape(self) -> str:
        letter = self._take()
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter.isdecimal() and letter != "0":
            raise _UnknownSyntaxError(self.pattern)
        return self._escaped_character(letter)

    def _escaped_character(self, letter: str) -> str:
        match letter:
            case "x":
                return self._code(2)
            case "u":
                return self._code(4)
            case "p" | "P":
                self.at = self.pattern.index("}", self.at) + 1
                return "a" if letter == "p" else "-"
            case _:
                return _CONTROLS.get(letter, letter)

    def _code(self, digits: int) -> str:
        self.at += digits
        return chr(int(self.pattern[self.at - digits : self.at], 16))

    def _character_class(self) -> str:
        negated = self._peek() == "^"
        self.at += negated
        members: list[tuple[str, str]] = []
        while self._peek() != "]" or not members:
            members += self._class_members()
        self.at += 1
        if not negated:
            return members[0][0]
        free = (each for each in _CHOICES if not any(low <= each <= high for low, high in members))
        return next(free, "\u4e2d")

    def _class_members(self) -> list[tuple[str, str]]:
        letter = self._take()
        if letter == "\\":
            letter = self._take()
            if letter in _MEMBERS:
                return [(each, each) for each in _MEMBERS[letter]]
            if letter in ("D", "W", "S", "p", "P"):
                made = self._escaped_character(letter) if letter in "pP" else _CLASSES[letter]
                return [(made, made)]
            letter = "\b" if letter == "b" else self._escaped_character(letter)
        if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self._take()
            if high == "\\":
                high = self._escaped_character(self._take())
            return [(letter, high)]
        return [(letter, letter)]

"""Find values for properties in a text: numbers, dates, names, quotations, lists.

An `Evidence` remembers what it returned, so that two properties do not get the same number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from portkey_mistral.sandbox.brain.words import sentences, split_name, stems
from portkey_mistral.sandbox.json_schema.patterns import matches

__all__ = ["Evidence"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_NUMBER_WORDS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
)
_NUMBER = re.compile(
    r"(?<![\w.])-?\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|(?<![\w.])-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\b(?:"
    + "|".join(_NUMBER_WORDS)
    + r")\b",
    re.IGNORECASE,
)
_MONTHS = _words(
    "january february march april may june july august september october november december"
)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_LONG_DATE = re.compile(
    rf"\b(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?(?P<m1>{'|'.join(_MONTHS)}),? (?P<y1>\d{{4}})"
    rf"|(?P<m2>{'|'.join(_MONTHS)}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y2>\d{{4}}))\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(
    r"\"([^\"\n]+)\"|“([^”\n]+)”|«\s*([^»\n]+?)\s*»|(?<!\w)'([^'\n]+)'(?!\w)|`([^`\n]+)`"
)
_FOREIGN = re.compile(
    r"[^\x00-\u024f\s\uff0c。\uff01\uff1f、\uff08\uff09「」]+(?: [^\x00-\u024f\s\uff0c。\uff01\uff1f、\uff08\uff09「」]+)*"
)
_NAME = re.compile(
    r"(?<![\w])[A-ZÀ-ÖØ-Þ][\w'\u2019-]*(?:\s+(?:(?:de|la|van|von|of|the)\s+)?[A-ZÀ-ÖØ-Þ0-9][\w'\u2019-]*)*"
)
_PLACE = re.compile(
    r"\b(?:in|at|for|to|near|from|of)\s+((?:St\. )?[A-ZÀ-ÖØ-Þ][\w'\u2019-]*(?:\s+[A-ZÀ-ÖØ-Þ][\w'\u2019-]*)*(?:,\s+[A-Z]{2,}\b)?)"
)
_SHAPES = {
    "email": re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    "uri": re.compile(r"https?://[^\s<>\"')]+[^\s<>\"').,]"),
    "date": _DATE,
    "date-time": re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?"),
    "time": re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?\b"),
    "uuid": re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE),
    "phone": re.compile(r"\+?\d[\d ()-]{6,}\d"),
}  # fmt: skip
_PAIR = re.compile(r"([^\W\d][\w -]{0,40}?)\s*(?::|=)\s*([^,;\n]+)")
_ACTS = re.compile(
    r"(?:\s+(?:is|was|are|has|had|have|lives?|works?|wants?|likes?|bought|and|said)\b|['\u2019]s\b|,)"
)
# Words at the start of sentences that only look like names, and words of framework prompts.
_NO_NAMES = frozenset(
    _words("""a an and are book can create could do does extract fetch find for from get give generate hello hey hi how i
    if in is it let list look my need now of ok on please plan query question answer context remember schedule
    search send set show that tell the there then these they this to translate use using was we weather what
    what's when where which who whose why will write you your add multiply subtract divide compute calculate
    call make return order describe summarize explain i'm""")
)


class Evidence:
    """The values found in one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._numbers = [*_NUMBER.finditer(text)]
        self._dates = [*_LONG_DATE.finditer(text)]
        self._folded = text.casefold()
        self._near: dict[int, dict[str, int]] = {}
        self._used_spans: set[tuple[int, int]] = set()
        self._used_texts: set[str] = set()

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of the text's words, without stop words."""
        return frozenset(stems(self.text))

    def is_free(self, text: str) -> bool:
        """Return whether no other property has this text; whole sentences may be used twice."""
        return text not in self._used_texts or (" " in text.strip() and text[-1] in ".?!")

    def take(self, text: str) -> None:
        self._used_texts.add(text)

    def labelled(self, name: str) -> str | None:
        """Return the value labelled with the property's name: `Name: X`, `name is X`, `"name": "X"`."""
        label = self._label(name)
        found = label and re.search(
            rf"(?<!\w)[\"'*_]*{label}[\"'*_]*\s*(?::|=|\bis\b|\bare\b|\bwas\b)\s*[\"'“]?([^\n\"”]+)",
            self.text,
            re.IGNORECASE,
        )
        if not found:
            return None
        value = re.split(r"[.;!?](?:\s|$)|,\s|\s+and\s+(?=\w+\s+(?:is|:))", found.group(1))[0]
        return value.strip(" '\"*_,") or None

    def number(self, name: str, description: str, *, fits: Callable[[float], bool]) -> float | None:
        """Return the number nearest to the property's words, otherwise the next unused one."""
        free = [
            match
            for match in self._numbers
            if match.span() not in self._used_spans and fits(_value(match.group()))
        ]
        if not free:
            return None
        clues = set(stems(f"{split_name(name)} {description}"))
        chosen = min(free, key=lambda match: (self._distance(match, clues), match.start()))
        if self._distance(chosen, clues) == _FAR:
            chosen = free[0]
        self._used_spans.add(chosen.span())
        return _value(chosen.group())

    def shaped(self, shape: str) -> str | None:
        """Return an e-mail address, URI, date, time, UUID or phone number."""
        if shape == "date" and (long := _LONG_DATE.search(self.text)):
            return self._take(long, _iso(long))
        pattern = _SHAPES.get(shape)
        found = (match for match in pattern.finditer(self.text)) if pattern else ()
        return next(
            (self._take(m, m.group()) for m in found if m.span() not in self._used_spans), None
        )

    def matching(self, pattern: str) -> str | None:
        """Return the first word that matches a pattern."""
        words = re.findall(r"[^\s,;\"'()]+", self.text)
        return next((word for each in words if matches(pattern, word := each.rstrip(".?!"))), None)

    def member(self, members: Sequence[object]) -> object | None:
        """Return the enum member that occurs first in the text, as a whole word."""
        places = [
            (match.start(), place)
            for place, member in enumerate(members)
            if member is not None
            and (match := re.search(_whole_words(str(member)), self.text, re.IGNORECASE))
        ]
        if not places:
            return None
        member = members[min(places)[1]]
        self.take(str(member))
        return member

    def quotations(self) -> list[str]:
        return self._free(_QUOTED.finditer(self.text))

    def foreign(self) -> list[str]:
        """Return runs of text in scripts other than Latin."""
        return self._free(_FOREIGN.finditer(self.text))

    def places(self) -> list[str]:
        return self._free(_PLACE.finditer(self.text))

    def names(self) -> list[str]:
        """Return runs of capitalised words: subjects of a verb first, then places, then the rest.

        A single word at the start of a sentence is the least likely name.
        """
        strong: list[str] = []
        weak: list[str] = []
        for match in _NAME.finditer(self.text):
            words = _without_openers(match.group().split())
            name = re.sub(r"['\u2019]s$", "", " ".join(words))
            if name and not self._in_date(match):
                (weak if self._only_begins(match, words) else strong).append(name)
        places = {place.split(",")[0] for place in self.places()}
        things = [name for name in strong if name not in places]
        return list(dict.fromkeys([*things, *strong, *weak]))

    def _in_date(self, match: re.Match[str]) -> bool:
        return any(date.start() <= match.start() < date.end() for date in self._dates)

    def _only_begins(self, match: re.Match[str], words: Sequence[str]) -> bool:
        begins = (
            not self.text[: match.start()].strip()
            or self.text[: match.start()].rstrip()[-1] in ".?!:"
        )
        proper = [word for word in words if not word.isdigit()]
        return begins and len(proper) == 1 and not _ACTS.match(self.text[match.end() :])

    def source(self) -> str | None:
        """Return the word after "from", or the unit of the first number."""
        found = re.search(r"\bfrom ([\w'-]+)", self.text) or re.search(
            r"\d ([^\W\d][\w'-]*)", self.text
        )
        return found.group(1) if found else None

    def target(self) -> str | None:
        """Return the word after "to" or "into"."""
        found = re.search(r"\b(?:in)?to ([\w'-]+)", self.text)
        return found.group(1) if found else None

    def listed(self, name: str) -> list[str]:
        """Return the parts of an enumeration that follows the property's name."""
        label = self._label(name)
        found = label and re.search(
            rf"(?<!\w){label}\s*(?:\w+\s+)?(?::|=|\bare\b|\binclude)\s*([^.;\n]+)",
            self.text,
            re.IGNORECASE,
        )
        return (
            [part.strip() for part in _SERIES.split(found.group(1)) if part.strip()]
            if found and name
            else []
        )

    def pairs(self) -> list[tuple[str, str]]:
        """Return labels and what they stand before: "apples: 3, pears: 4"."""
        found = _PAIR.findall(self.text)
        return [(name.strip(), value.strip()) for name, value in found]

    def series(self) -> list[str]:
        """Return the parts of an enumeration: "a, b and c", or the lines of a list."""
        bullets = re.findall(r"^[^\S\n]*(?:[-*•]|\d+[.)])\s+(.+)$", self.text, re.MULTILINE)
        if bullets:
            return [bullet.strip() for bullet in bullets]
        return next(filter(None, map(_enumerated, sentences(self.text))), [])

    def mentions(self, name: str) -> bool:
        """Return whether the text mentions a property without negating it."""
        wanted = set(stems(split_name(name))) or {name}
        return bool(wanted & self.stems) and not self.denies(name)

    def denies(self, name: str) -> bool:
        label = self._label(name)
        return bool(
            label
            and re.search(
                rf"\b(?:no|not|without|never|isn't|don't|skip)\s+(?:\w+ )?{label}",
                self.text,
                re.IGNORECASE,
            )
        )

    def _label(self, name: str) -> str:
        """Return a pattern for the words of a name; an empty one if the text does not contain the first of them.

        A schema may have thousands of names, and compiling a pattern takes much longer than to look for a word.
        """
        words = split_name(name)
        if words.partition(" ")[0].casefold() not in self._folded:
            return ""
        return re.escape(words).replace(r"\ ", r"[ _-]")

    def _free(self, matches: Iterable[re.Match[str]]) -> list[str]:
        found = [match.group(match.lastindex or 0).strip() for match in matches]
        return list(dict.fromkeys(each for each in found if each))

    def _take(self, match: re.Match[str], value: str) -> str:
        self._used_spans.add(match.span())
        self._used_spans.update(
            n.span() for n in self._numbers if match.start() <= n.start() < match.end()
        )
        return value

    def _distance(self, number: re.Match[str], clues: set[str]) -> int:
        """Return the number of words between a number and the nearest clue in its clause."""
        near = self._words_near(number)
        return min((near[clue] for clue in clues & near.keys()), default=_FAR)

    def _words_near(self, number: re.Match[str]) -> dict[str, int]:
        """Return the words in the clause of a number, each with its distance."""
        near = self._near.get(number.start())
        if near is None:
            start, end = number.span()
            before = re.split(r"[.;?!\n]", self.text[max(start - _NEAR, 0) : start])[-1]
            after = re.split(r"[.;?!\n]|,\s", self.text[end : end + _NEAR])[0]
            near = self._near[start] = {}
            for side in (reversed(_all_stems(before)), _all_stems(after)):
                for distance, word in enumerate(side):
                    near[word] = min(distance, near.get(word, distance))
        return near


_NEAR = 300
_FAR = 10_000
_LONGEST_PART = 2
_LEADS = re.compile(
    r"\b(?:are|is|likes?|with|of|includ(?:e|es|ing)|needs?|buy|knows?|speaks?|in|as)\s",
    re.IGNORECASE,
)
_SERIES = re.compile(r",\s*(?:and|or)\s+|,\s*|(?<!\s)\s+(?:and|or)\s+")


def _enumerated(sentence: str) -> list[str]:
    """Return "carrots", "onions", "salt" for "We need carrots, onions and salt"."""
    head, colon, tail = sentence.partition(":")
    first, *others = _SERIES.split(tail if colon else head)
    if len(others) < (1 if colon else 2):
        return []
    words = _LEADS.split(first)[-1].split()
    last = others[-1].rstrip(".!?").split()
    parts = [" ".join(words[-_LONGEST_PART:]), *others[:-1], " ".join(last[:_LONGEST_PART])]
    short = all(0 < len(part.split()) <= _LONGEST_PART + 1 for part in parts)
    return [part.strip() for part in parts] if short else []


def _all_stems(text: str) -> list[str]:
    """Return one stem per word, stop words included, so that distances count all words."""
    return [(stems(word) or [word])[0] for word in re.findall(r"[^\W_]+", text)]


def _value(text: str) -> float:
    lowered = text.lower()
    if lowered in _NUMBER_WORDS:
        return float(_NUMBER_WORDS.index(lowered))
    return float(text.replace(",", ""))


def _iso(match: re.Match[str]) -> str:
    day, month, year = (match[f"{part}1"] or match[f"{part}2"] for part in "dmy")
    return f"{year}-{_MONTHS.index(month.lower()) + 1:02}-{int(day):02}"


def _whole_words(text: str) -> str:
    spaced = re.escape(split_name(text)).replace(r"\ ", r"[ _-]")
    return rf"(?<!\w)(?:{re.escape(text)}|{spaced})(?!\w)"


def _without_openers(words: Sequence[str]) -> Sequence[str]:
    start = 0
    while start < len(words) and words[start].lower() in _NO_NAMES:
        start += 1
    return words[start:]

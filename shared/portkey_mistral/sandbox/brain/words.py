"""Split text into sentences and into the stems of its content words."""

from __future__ import annotations

import re

from portkey_mistral.sandbox.brain.blocks import Block, blocks

__all__ = [
    "is_question",
    "number_in",
    "prose",
    "sentences",
    "sentences_of",
    "split_name",
    "stem",
    "stems",
]

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[^\Wa-z])|(?<=[。\uff01\uff1f])")
_MARKS = re.compile(r"^\s*(?:#+|[-*•>]|\d+[.)])\s+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = re.compile(r"\d")
_SUFFIXES = (
    "ations", "ation", "ments", "ment", "ings", "ions", "ing", "ion", "ies", "ed", "es", "ly", "e", "s", "y",
)  # fmt: skip
_SHORTEST_STEM = 3


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STOPWORDS = _set(
    """a about above after all also am an and any are as at be because been before being below but by can
    could did do does doing done for from get give given gives had has have having he her here him his how i
    if in into is it its itself just let like make makes many may me might more most much must my no nor not
    now of off on one only or other our out over own per please same shall she should so some such tell than
    that the their them then there these they this those to too under up upon us use used using very was we
    were what when where which while who whom whose why will with would you your yes"""
)
# Synonyms; the first of each line stands for all of them.
_SAME_MEANING = (
    "cost price pricing priced expensive cheap usd eur",
    "weather forecast temperature rain rainy sunny",
    "add plus sum total addition",
    "subtract minus difference",
    "multiply times product multiplied",
    "divide divided division",
    "complete fill autocomplete",
    "image picture photo vision",
    "retire retired retirement deprecated",
    "search lookup find",
    "document documentation docs doc page",
)


def _cut(word: str) -> str:
    """Strip the commonest English suffixes."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word.removesuffix(suffix)
    return word


_SAME = {_cut(word): _cut(words.split()[0]) for words in _SAME_MEANING for word in words.split()}


def stem(word: str) -> str:
    """Return the same stem for "completes" and "completion", and for synonyms."""
    cut = _cut(re.split(r"['\u2019]", word.lower())[0])
    return _SAME.get(cut, cut)


def stems(text: str) -> list[str]:
    """Return the stems of a text's words in order, without stop words."""
    return [stem(word) for word in _WORD.findall(text) if word.lower() not in _STOPWORDS]


def split_name(name: str) -> str:
    """Split an identifier into words: `get_weather`, `getWeather` -> "get weather"."""
    return _CAMEL.sub(" ", name).replace("_", " ").replace("-", " ")


def sentences(text: str) -> list[str]:
    """Split into sentences, items of lists, headings and blocks of code, without their marks."""
    return [sentence for block in blocks(text) for sentence in sentences_of(block)]


def sentences_of(block: Block) -> list[str]:
    if block.kind == "code":
        return [block.text.strip()]
    parts = _SENTENCE_END.split(_MARKS.sub("", block.text))
    return [part.strip() for part in parts if part.strip()]


def prose(text: str) -> str:
    """Remove headings and metadata (`file_name: x`)."""
    kept: list[str] = []
    paragraph = 0
    for block in blocks(text):
        if block.kind in ("heading", "metadata"):
            continue
        if kept and block.paragraph != paragraph:
            kept.append("")
        paragraph = block.paragraph
        kept.append(f"```\n{block.text}\n```" if block.kind == "code" else block.text)
    return "\n".join(kept)


def is_question(text: str) -> bool:
    return text.rstrip().endswith(("?", "\uff1f"))


def number_in(text: str) -> bool:
    return bool(_NUMBER.search(text))

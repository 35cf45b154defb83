"""Choose the sentences of a context that best answer a question, by shared words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse

from portkey_mistral.sandbox.brain.blocks import blocks
from portkey_mistral.sandbox.brain.words import is_question, number_in, sentences_of, stems

__all__ = ["best_sentences", "overlap"]

_QUANTITY = re.compile(
    r"\b(?:how (?:many|much|long|old|big|large|far|fast)|cost|price|when|year|date|window|number)\b",
    re.IGNORECASE,
)
_HOW = re.compile(r"\bhow (?:large|big|long|old|far|fast|much|many)\b", re.IGNORECASE)
_BACKGROUND = 0.4
_MOST = 3
# A further sentence must cover this part of the question's weight.
_MIN_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence with its position, its stems, and the stems of its heading and paragraph."""

    position: int
    text: str
    own: frozenset[str]
    around: frozenset[str]


def best_sentences(question: str, context: str, *, most: int = _MOST) -> Sequence[str]:
    """Return up to `most` sentences in the order of the context; none if no word is shared.

    The best one is chosen first; each further one must cover words of the question not covered yet.
    """
    candidates = _candidates(context)
    wanted = frozenset(stems(_HOW.sub(" ", question)))
    weights = _weights(candidates, wanted)
    chosen: list[_Candidate] = []
    open_words = frozenset(word for word in wanted if word in weights)
    while len(chosen) < most and open_words:
        found = _best(candidates, chosen, open_words, weights, wants_number=_wants_number(question))
        if found is None:
            break
        chosen.append(found)
        open_words -= found.own
    return [each.text for each in sorted(chosen, key=lambda each: each.position)]


def overlap(one: str, other: str) -> float:
    """Return the share of the first text's words that occur in the second, 0 to 1."""
    wanted = set(stems(one))
    return len(wanted & set(stems(other))) / len(wanted) if wanted else 0.0


def _candidates(context: str) -> Sequence[_Candidate]:
    parsed = blocks(context)
    paragraphs: dict[int, list[str]] = {}
    for block in parsed:
        paragraphs.setdefault(block.paragraph, []).append(block.text)
    around = {number: frozenset(stems("\n".join(texts))) for number, texts in paragraphs.items()}
    found: list[_Candidate] = []
    heading: frozenset[str] = frozenset()
    for block in parsed:
        if block.kind in ("heading", "metadata"):
            before = heading if block.kind == "metadata" else frozenset()
            heading = before | frozenset(stems(block.text))
            continue
        for text in filterfalse(is_question, sentences_of(block)):
            nearby = heading | around[block.paragraph]
            found.append(_Candidate(len(found), text, frozenset(stems(text)), nearby))
    return found


def _weights(candidates: Sequence[_Candidate], wanted: frozenset[str]) -> Mapping[str, float]:
    """Weight words by their rarity among the sentences."""
    around = Counter(word for each in candidates for word in each.around & wanted)
    counts = {**around, **Counter(word for each in candidates for word in each.own & wanted)}
    return {word: math.log(1 + len(candidates) / count) for word, count in counts.items()}


def _best(
    candidates: Sequence[_Candidate],
    chosen: Sequence[_Candidate],
    open_words: frozenset[str],
    weights: Mapping[str, float],
    *,
    wants_number: bool,
) -> _Candidate | None:
    best, best_score = None, 0.0
    for each in candidates:
        own = sum(weights[word] for word in each.own & open_words)
        if each in chosen or (chosen and own < _MIN_SHARE * sum(weights.values())):
            continue
        score = own + _BACKGROUND * sum(
            weights[word] for word in (each.around - each.own) & open_words
        )
        if not score:
            continue
        if wants_number and number_in(each.text):
            score += max(weights.values()) / 2
        if chosen:
            score += _kinship(each, chosen[0])
        if score > best_score:
            best, best_score = each, score
    return best


def _kinship(one: _Candidate, other: _Candidate) -> float:
    """Sentences of one paragraph or heading are about the same subject."""
    return 1.5 * len(one.around & other.around) / max(1, len(one.around | other.around))


def _wants_number(question: str) -> bool:
    return bool(_QUANTITY.search(question))

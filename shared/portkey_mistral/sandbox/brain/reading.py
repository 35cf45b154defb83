"""Find question, context and earlier answer in a prompt, whichever framework wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from portkey_mistral.sandbox.brain.talk import Talk
from portkey_mistral.sandbox.brain.words import is_question, sentences

__all__ = ["Reading", "question_in", "read_prompt", "subject"]

_END = r"(?=\n\s*(?:Question|Query|Answer|Helpful Answer|Original Answer|New Answer|Instruction)\b.{0,20}:|\Z)"
_CONTEXTS = (
    re.compile(r"^[-=]{5,}[^\S\n]*\n(.*?)\n?^[-=]{5,}[^\S\n]*$", re.DOTALL | re.MULTILINE),
    re.compile(
        r"<(?P<tag>context|documents?|passages?|sources?|text)>(.*?)</(?P=tag)>", re.DOTALL | re.IGNORECASE
    ),
    re.compile(r"^[^\n]*?\bcontext\b[^\n]{0,40}?:[^\S\n]*\n?(.*?)" + _END, re.DOTALL | re.IGNORECASE | re.MULTILINE),
    re.compile(
        r"^[^\n]*\b(?:documents?|passages?|sources?|excerpts?|facts|notes|information|text)\b[^\n]{0,60}?:"
        r"[^\S\n]*\n?(.*?)" + _END,
        re.DOTALL | re.IGNORECASE | re.MULTILINE,
    ),
)  # fmt: skip
_QUESTIONS = (
    re.compile(r"^\s*(?:Query|Question|User question|Input|Task)\s*:[^\S\n]*(\S.*)$", re.IGNORECASE | re.MULTILINE),
    re.compile(r"original (?:query|question) is as follows:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE),
    re.compile(r"following task:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE),
)  # fmt: skip
_EARLIER = re.compile(
    r"(?:existing answer|original answer)\s*:\s*(.*?)"
    r"(?=\n\s*(?:We have|New Context|Query|New Answer|Refined Answer|Given)|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# An instruction that speaks of a context, then an empty line, then the context.
_UNMARKED = re.compile(
    r"\b(?:context|documents?|passages?|sources?|excerpts?)\b.*?\n\s*\n(.+)\Z",
    re.DOTALL | re.IGNORECASE,
)
_INSTRUCTION = re.compile(r"\n\s*Instruction\s*:.*\Z", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """`earlier` is an answer that the prompt asks to better, None where it does not."""

    question: str
    context: str
    earlier: str | None = None


def read_prompt(talk: Talk) -> Reading | None:
    """Read a prompt that brings its own context; None where it brings none."""
    said, system = talk.said, talk.system
    for text in (said, system):
        for pattern in _CONTEXTS:
            if match := pattern.search(text):
                context = _INSTRUCTION.sub("", match.group(match.lastindex or 1)).strip()
                if context:
                    return Reading(_question(text, match, said), context, _earlier(said))
    unmarked = _UNMARKED.search(system)
    return Reading(question_in(said), unmarked.group(1)) if unmarked else None


def question_in(text: str) -> str:
    """Return the question that a text puts: labelled, or its last sentence with a question mark."""
    for pattern in _QUESTIONS:
        if found := pattern.findall(text):
            return str(found[-1]).strip()
    asked = [sentence for sentence in sentences(text) if is_question(sentence)]
    return asked[-1] if asked else text.strip()


def subject(talk: Talk) -> str:
    """Return the text that an extraction is about: what the user said, with the results of tools."""
    return "\n".join([talk.said, *(turn.text for turn in talk.results)])


def _question(text: str, match: re.Match[str], said: str) -> str:
    """Look for the question around the context, or in what the user said if the context is not there."""
    if text is not said:
        return question_in(said)
    around = f"{text[: match.start()]}\n{text[match.end() :]}".strip()
    return question_in(around or text)


def _earlier(text: str) -> str | None:
    match = _EARLIER.search(text)
    return match.group(1).strip() if match else None

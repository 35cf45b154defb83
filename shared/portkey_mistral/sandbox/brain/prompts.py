"""Find the question, context and previous answer in a RAG prompt of any framework."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from portkey_mistral.sandbox.brain.conversation import Conversation
from portkey_mistral.sandbox.brain.words import is_question, sentences

__all__ = ["ContextPrompt", "find_context", "question_in", "subject"]

# All patterns take linear time: a prompt may be of thousands of lines, or of one line of any length.
_FENCE = re.compile(r"^([-=]{5,})[^\S\n]*$", re.MULTILINE)
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>context|documents?|passages?|sources?|text)>", re.IGNORECASE
)
_Pair: TypeAlias = tuple[re.Match[str], re.Match[str]]
_LABELS = (
    re.compile(r"^[^\n]*?\bcontext\b[^\n]{0,40}?:[^\S\n]*\n?", re.IGNORECASE | re.MULTILINE),
    re.compile(
        r"^[^\n]*\b(?:documents?|passages?|sources?|excerpts?|facts|notes|information|text)\b[^\n]{0,60}?:[^\S\n]*\n?",
        re.IGNORECASE | re.MULTILINE,
    ),
)
_NEXT_LABEL = re.compile(
    r"\n[^\S\n]*(?P<name>Question|Query|Answer|Helpful Answer|Original Answer|New Answer|Instruction)\b.{0,20}:",
    re.IGNORECASE,
)  # fmt: skip
_QUESTIONS = (
    re.compile(r"^[^\S\n]*(?:Query|Question|User question|Input|Task)\s*:[^\S\n]*(\S.*)$", re.IGNORECASE | re.MULTILINE),
    re.compile(r"original (?:query|question) is as follows:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE),
    re.compile(r"following task:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE),
)  # fmt: skip
_EARLIER = re.compile(
    r"(?:existing answer|original answer)\s*:\s*(.*?)"
    r"(?=\n[^\S\n]*(?:We have|New Context|Query|New Answer|Refined Answer|Given)|\Z)",
    re.DOTALL | re.IGNORECASE,
)
# An instruction that mentions a context, then an empty line, then the context.
_MENTION = re.compile(r"\b(?:context|documents?|passages?|sources?|excerpts?)\b", re.IGNORECASE)
_EMPTY_LINES = re.compile(r"\n\s*\n(?=.)", re.DOTALL)
_INSTRUCTION = re.compile(r"\n[^\S\n]*Instruction[^\S\n]*:.*\Z", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ContextPrompt:
    """`earlier` is the answer that the prompt asks to refine, None if there is none."""

    question: str
    context: str
    earlier: str | None = None


def find_context(conversation: Conversation) -> ContextPrompt | None:
    """Find the context that a prompt contains; None if it contains none."""
    user_text, system = conversation.user_text, conversation.system
    for text in (user_text, system):
        for start, end, found in _contexts(text, has_question=text is user_text):
            if context := _INSTRUCTION.sub("", found).strip():
                around = f"{text[:start]}\n{text[end:]}".strip()
                question = question_in(user_text if text is not user_text else around or text)
                return ContextPrompt(question, context, _earlier(user_text))
    mention = _MENTION.search(system)
    empty_lines = mention and _EMPTY_LINES.search(system, mention.end())
    if not empty_lines:
        return None
    return ContextPrompt(question_in(user_text), system[empty_lines.end() :])


def _contexts(text: str, *, has_question: bool) -> Iterator[tuple[int, int, str]]:
    """Yield the contexts in a text, the likeliest first, with where each starts and ends.

    A context is within two lines of the same length, within a tag, or between a label and the next ones.
    """
    for opening, closing in filter(None, (_fences(text), _tags(text))):
        yield opening.start(), closing.end(), text[opening.end() : closing.start()].strip("\n")
    for pattern in _LABELS:
        if match := pattern.search(text):
            end = _end_of_context(text, match) if has_question else len(text)
            yield match.start(), end, text[match.end() : end]


def _fences(text: str) -> _Pair | None:
    """Return the first two equal lines of dashes or equals signs."""
    by_line: dict[str, list[re.Match[str]]] = {}
    for fence in _FENCE.finditer(text):
        by_line.setdefault(fence[1], []).append(fence)
    return _first((same[0], same[1]) for same in by_line.values() if len(same) > 1)


def _tags(text: str) -> _Pair | None:
    """Return the first tag that is closed, and its end."""
    opened: dict[str, re.Match[str]] = {}
    closed: dict[str, re.Match[str]] = {}
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if not tag["end"]:
            opened.setdefault(name, tag)
        elif name in opened:
            closed.setdefault(name, tag)
    return _first((opened[name], end) for name, end in closed.items())


def _first(pairs: Iterable[_Pair]) -> _Pair | None:
    return min(pairs, key=lambda pair: pair[0].start(), default=None)


def _end_of_context(text: str, label: re.Match[str]) -> int:
    """Return where the question or the answer follows. The context may contain such labels itself."""
    following = [*_NEXT_LABEL.finditer(text, label.end())]
    asked_before = _NEXT_LABEL.search(f"\n{text[: label.start()]}")
    questions = [match for match in following if match["name"].lower() in ("question", "query")]
    last = (following if asked_before else questions or following)[-1:]
    return last[0].start() if last else len(text)


def question_in(text: str) -> str:
    """Return the question in a text: the labelled one, or the last sentence with a question mark."""
    for pattern in _QUESTIONS:
        if found := pattern.findall(text):
            return str(found[-1]).strip()
    asked = [sentence for sentence in sentences(text) if is_question(sentence)]
    return asked[-1] if asked else text.strip()


def subject(conversation: Conversation) -> str:
    """Return the text to extract from: the user's, with the tool results."""
    return "\n".join([conversation.user_text, *(turn.text for turn in conversation.results)])


def _earlier(text: str) -> str | None:
    match = _EARLIER.search(text)
    return match.group(1).strip() if match else None

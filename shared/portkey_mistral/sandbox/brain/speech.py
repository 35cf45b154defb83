"""What the stand-in says in words."""

from __future__ import annotations

import re
from operator import add, mul, sub, truediv

from portkey_mistral.sandbox.brain.ranking import best_sentences, overlap
from portkey_mistral.sandbox.brain.reading import Reading, question_in
from portkey_mistral.sandbox.brain.talk import Talk

__all__ = ["about_itself", "computed", "from_context", "from_history", "from_results", "repeated"]

_NOT_IN_CONTEXT = "The given context does not say."
_REPEAT = re.compile(
    r"\b(?:say|repeat|echo|reply with|answer with|respond with|return)\s+"
    r"(?:exactly|only|just|the (?:word|words|text|sentence|following)(?: exactly)?|this)\b\s*:?\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_SUM = re.compile(r"(-?\d+(?:\.\d+)?)\s*([-+*\u00d7/÷])\s*(-?\d+(?:\.\d+)?)(?![\d/-])")
_OPERATORS = {"+": add, "-": sub, "*": mul, "\u00d7": mul, "/": truediv, "÷": truediv}
_SOURCE = re.compile(r"^Source (\d+):", re.MULTILINE)
_LONGEST_RESULT = 800
_QUOTED = 200
_REMEMBERS = re.compile(r"\b(?:my|i|me|we|our|you|earlier|before|said|told)\b", re.IGNORECASE)


def repeated(talk: Talk) -> str | None:
    """Repeat what the user asks to hear."""
    match = _REPEAT.search(talk.said)
    return match.group(1).strip().strip("\"“”'") if match else None


def from_results(talk: Talk) -> str | None:
    """Tell what the tools gave."""
    if not talk.results:
        return None
    told = [
        f"According to {turn.name or 'the tool'}: {_shortened(turn.text, talk.said)}"
        for turn in talk.results
    ]
    return "\n".join(told)


def from_context(reading: Reading) -> str:
    """Answer from the context of a prompt; an earlier answer stands unless the context betters it."""
    sentences = best_sentences(reading.question, reading.context)
    found = " ".join(f"{each}{_citation(each, reading.context)}" for each in sentences)
    if reading.earlier is None:
        return found or _NOT_IN_CONTEXT
    if found and reading.earlier == _NOT_IN_CONTEXT:
        return found
    return (
        reading.earlier
        if not found or _adds_little(found, reading)
        else f"{reading.earlier} {found}"
    )


def from_history(talk: Talk) -> str | None:
    """Answer from what was said before, where the question asks for that."""
    question = question_in(talk.said)
    earlier = [
        turn.text for turn in talk.turns[:-1] if turn.role == "user" and turn.text != talk.said
    ]
    if not earlier or not _REMEMBERS.search(question):
        return None
    found = best_sentences(question, "\n\n".join(earlier), most=1)
    return f"You told me: {found[0]}" if found else None


def computed(talk: Talk) -> str | None:
    """Do the one sum that is asked for."""
    found = _SUM.search(talk.said)
    if not found:
        return None
    one, sign, other = found.groups()
    try:
        value = _OPERATORS[sign](float(one), float(other))
    except ZeroDivisionError:
        return f"{one} cannot be divided by zero."
    return f"{one} {sign} {other} = {value:g}"


def about_itself(talk: Talk) -> str:
    """Say what this is, when nothing else applies."""
    said = " ".join(talk.said.split())
    said = f"{said[:_QUOTED]}…" if len(said) > _QUOTED else said
    return (
        f"I am the sandbox of portkey-mistral, an offline stand-in for {talk.model}: I know nothing of my "
        "own, but I answer from a context, call tools and fill schemas. "
        f"You said: {said}"
    )


def _citation(sentence: str, context: str) -> str:
    """Return the number of the source, as " [2]", where the context numbers its sources."""
    numbers = _SOURCE.findall(context.partition(sentence)[0])
    return f" [{numbers[-1]}]" if numbers else ""


def _shortened(text: str, question: str) -> str:
    if len(text) <= _LONGEST_RESULT:
        return text
    return " ".join(best_sentences(question, text)) or f"{text[:_LONGEST_RESULT]}…"


def _adds_little(found: str, reading: Reading) -> bool:
    earlier = reading.earlier or ""
    return found in earlier or overlap(reading.question, found) <= overlap(
        reading.question, earlier
    )

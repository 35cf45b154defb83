"""Answers in plain text."""

from __future__ import annotations

import re
from operator import add, mul, sub, truediv

from portkey_mistral.sandbox.brain.conversation import Conversation
from portkey_mistral.sandbox.brain.prompts import ContextPrompt, question_in
from portkey_mistral.sandbox.brain.ranking import best_sentences, overlap

__all__ = ["about_itself", "computed", "from_context", "from_history", "from_results", "repeated"]

_NOT_IN_CONTEXT = "The given context does not say."
_REPEAT = re.compile(
    r"\b(?:say|repeat|echo|reply with|answer with|respond with|return)\s+"
    r"(?:exactly|only|just|the (?:word|words|text|sentence|following)(?: exactly)?|this)\b\s*:?\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
_SUM = re.compile(r"(-?(?<!\d)\d+(?:\.\d+)?)\s*([-+*\u00d7/÷])\s*(-?\d+(?:\.\d+)?)(?![\d/-])")
_OPERATORS = {"+": add, "-": sub, "*": mul, "\u00d7": mul, "/": truediv, "÷": truediv}
_SOURCE = re.compile(r"\bSource (\d+):")
# LlamaIndex's result of a hand-off is an instruction to the next agent, not an answer.
_HANDED_OFF = re.compile(r"\bis now handling the request\b")
_LONGEST_RESULT = 800
_QUOTED = 200
_REMEMBERS = re.compile(r"\b(?:my|i|me|we|our|you|earlier|before|said|told)\b", re.IGNORECASE)


def repeated(conversation: Conversation) -> str | None:
    """Repeat the text that the user asks for."""
    match = _REPEAT.search(conversation.user_text)
    return match.group(1).strip().strip("\"“”'") if match else None


def from_results(conversation: Conversation) -> str | None:
    """Report the tool results."""
    if not conversation.results:
        return None
    telling = [turn for turn in conversation.results if not _HANDED_OFF.search(turn.text)]
    lines = [
        f"According to {turn.name or 'the tool'}: {_shortened(turn.text, conversation.user_text)}"
        for turn in telling or conversation.results
    ]
    return "\n".join(lines)


def from_context(prompt: ContextPrompt) -> str:
    """Answer from the context of a prompt; a previous answer is kept unless the context improves it."""
    sentences = best_sentences(prompt.question, prompt.context)
    found = " ".join(f"{each}{_citation(each, prompt.context)}" for each in sentences)
    if prompt.earlier is None:
        return found or _NOT_IN_CONTEXT
    if found and prompt.earlier == _NOT_IN_CONTEXT:
        return found
    return (
        prompt.earlier if not found or _adds_little(found, prompt) else f"{prompt.earlier} {found}"
    )


def from_history(conversation: Conversation) -> str | None:
    """Answer from earlier messages if the question refers to them."""
    question = question_in(conversation.user_text)
    earlier = [
        turn.text
        for turn in conversation.turns[:-1]
        if turn.role == "user" and turn.text != conversation.user_text
    ]
    if not earlier or not _REMEMBERS.search(question):
        return None
    found = best_sentences(question, "\n\n".join(earlier), most=1)
    return f"You told me: {found[0]}" if found else None


def computed(conversation: Conversation) -> str | None:
    """Compute the one arithmetic expression in the user text."""
    found = _SUM.search(conversation.user_text)
    if not found:
        return None
    one, sign, other = found.groups()
    try:
        value = _OPERATORS[sign](float(one), float(other))
    except ZeroDivisionError:
        return f"{one} cannot be divided by zero."
    return f"{one} {sign} {other} = {value:g}"


def about_itself(conversation: Conversation) -> str:
    """Describe the sandbox, when nothing else applies."""
    text = " ".join(conversation.user_text.split())
    text = f"{text[:_QUOTED]}…" if len(text) > _QUOTED else text
    return (
        f"I am the sandbox of portkey-mistral, an offline stand-in for {conversation.model}: I know nothing of my "
        "own, but I answer from a context, call tools and fill schemas. "
        f"You said: {text}"
    )


def _citation(sentence: str, context: str) -> str:
    """Return the number of the source, as " [2]", if the context numbers its sources."""
    before = " ".join(context.split()).partition(" ".join(sentence.split()))[0]
    numbers = _SOURCE.findall(before)
    return f" [{numbers[-1]}]" if numbers else ""


def _shortened(text: str, question: str) -> str:
    if len(text) <= _LONGEST_RESULT:
        return text
    return " ".join(best_sentences(question, text)) or f"{text[:_LONGEST_RESULT]}…"


def _adds_little(found: str, prompt: ContextPrompt) -> bool:
    earlier = prompt.earlier or ""
    return found in earlier or overlap(prompt.question, found) <= overlap(prompt.question, earlier)

"""The stand-in for a model: no knowledge and no chance, but useful work with what a prompt holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic_core import to_json

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.brain.calling import choose_calls
from portkey_mistral.sandbox.brain.code import complete_code
from portkey_mistral.sandbox.brain.filling import fill
from portkey_mistral.sandbox.brain.formats import digest, in_known_format
from portkey_mistral.sandbox.brain.json_mode import as_prompted
from portkey_mistral.sandbox.brain.react import in_react
from portkey_mistral.sandbox.brain.reading import question_in, read_prompt, subject
from portkey_mistral.sandbox.brain.speech import (
    about_itself,
    computed,
    from_context,
    from_history,
    from_results,
    repeated,
)
from portkey_mistral.sandbox.brain.talk import Talk, read_talk
from portkey_mistral.sandbox.schema import ChatRequest, ReasoningEffort

__all__ = ["complete_code", "respond", "varied"]

_OPENERS = ("", "Put differently: ", "In other words: ", "Once more: ")
_THINKS_UNASKED = "mistral-large-4"


def respond(request: ChatRequest, model: ModelInfo) -> Answer:
    """Answer a conversation that passed all checks. Equal conversations get equal answers."""
    talk = read_talk(request)
    thinking = _thoughts(talk) if _thinks(request, model) else ""
    if calls := choose_calls(talk):
        return Answer(calls=calls, thinking=thinking)
    return Answer(_written(talk), thinking=thinking)


def varied(answer: Answer, index: int) -> Answer:
    """Word an answer in another way for the choices after the first; JSON and calls stay as they are."""
    text = answer.content
    if not index or not isinstance(text, str) or not text or text[0] in "{[":
        return answer
    opener = _OPENERS[index] if index < len(_OPENERS) else f"Wording {index + 1}: "
    return Answer(opener + text, answer.calls, answer.thinking, answer.finish_reason)


def _written(talk: Talk) -> str:
    if talk.schema is not None:
        text = digest(talk.said) or subject(talk)
        return to_json(fill(talk.schema, text, wider=talk.everything)).decode()
    for writer in _WRITERS:
        if (written := writer(talk)) is not None:
            return written
    return about_itself(talk)


def _from_prompt(talk: Talk) -> str | None:
    reading = read_prompt(talk)
    return from_context(reading) if reading else None


Writer: TypeAlias = Callable[[Talk], str | None]
_WRITERS: Sequence[Writer] = (
    in_react,
    from_results,
    as_prompted,
    repeated,
    in_known_format,
    _from_prompt,
    computed,
    from_history,
)


def _thinks(request: ChatRequest, model: ModelInfo) -> bool:
    effort = request.reasoning_effort
    if effort is None:
        return model.id == _THINKS_UNASKED
    return effort is not ReasoningEffort.NONE


def _thoughts(talk: Talk) -> str:
    question = question_in(talk.said) if talk.said else "to go on"
    return f"The user asks: {question} I look for what the conversation itself holds about it."

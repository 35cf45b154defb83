"""The stand-in for a model: deterministic and without knowledge, it only uses the content of the prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic_core import to_json

from portkey_mistral.models import ModelInfo
from portkey_mistral.sandbox.answers import Answer
from portkey_mistral.sandbox.brain.citations import cited
from portkey_mistral.sandbox.brain.code import complete_code
from portkey_mistral.sandbox.brain.conversation import Conversation, read_conversation
from portkey_mistral.sandbox.brain.framework_prompts import answer_framework_prompt, restate_choices
from portkey_mistral.sandbox.brain.json_mode import answer_as_json
from portkey_mistral.sandbox.brain.prompts import find_context, question_in, subject
from portkey_mistral.sandbox.brain.react import answer_react
from portkey_mistral.sandbox.brain.schema_values import fill
from portkey_mistral.sandbox.brain.text_answers import (
    about_itself,
    computed,
    from_context,
    from_history,
    from_results,
    repeated,
)
from portkey_mistral.sandbox.brain.tool_calls import choose_calls
from portkey_mistral.sandbox.request_models import ChatRequest, ReasoningEffort

__all__ = ["complete_code", "respond", "varied"]

_OPENERS = ("", "Put differently: ", "In other words: ", "Once more: ")
_REASONS_BY_DEFAULT = "mistral-large-4"


def respond(request: ChatRequest, model: ModelInfo) -> Answer:
    """Answer a valid request. Equal conversations get equal answers."""
    conversation = read_conversation(request)
    thinking = _thoughts(conversation) if _reasons(request, model) else ""
    if calls := choose_calls(conversation):
        return Answer(calls=calls, thinking=thinking)
    if conversation.schema is None and not conversation.as_json and (chunks := cited(conversation)):
        return Answer(chunks, thinking=thinking)
    return Answer(_text_answer(conversation), thinking=thinking)


def varied(answer: Answer, index: int) -> Answer:
    """Rephrase an answer for the choices after the first; JSON and tool calls stay as they are."""
    text = answer.content
    if not index or not isinstance(text, str) or not text or text[0] in "{[":
        return answer
    opener = _OPENERS[index] if index < len(_OPENERS) else f"Wording {index + 1}: "
    return Answer(opener + text, answer.calls, answer.thinking, answer.finish_reason)


def _text_answer(conversation: Conversation) -> str:
    if conversation.schema is not None:
        text = restate_choices(conversation) or subject(conversation)
        return to_json(fill(conversation.schema, text, wider=conversation.full_text)).decode()
    for writer in _WRITERS:
        if (answer := writer(conversation)) is not None:
            return answer
    return about_itself(conversation)


def _from_prompt(conversation: Conversation) -> str | None:
    prompt = find_context(conversation)
    return from_context(prompt) if prompt else None


Writer: TypeAlias = Callable[[Conversation], str | None]
_WRITERS: Sequence[Writer] = (
    answer_react,
    from_results,
    answer_as_json,
    repeated,
    answer_framework_prompt,
    _from_prompt,
    computed,
    from_history,
)


def _reasons(request: ChatRequest, model: ModelInfo) -> bool:
    effort = request.reasoning_effort
    if effort is None:
        return model.id == _REASONS_BY_DEFAULT
    return effort is not ReasoningEffort.NONE


def _thoughts(conversation: Conversation) -> str:
    question = question_in(conversation.user_text) if conversation.user_text else "to go on"
    return f"The user asks: {question} I look for what the conversation itself holds about it."

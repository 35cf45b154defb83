"""Answers with references to search results, in the form in which Mistral's guide on citations passes them to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from portkey_mistral.sandbox.brain.conversation import Conversation
from portkey_mistral.sandbox.brain.ranking import best_sentences

__all__ = ["cited"]


def cited(conversation: Conversation) -> Sequence[Mapping[str, Any]] | None:
    """Answer by sentences of numbered search results, each with a reference to its result.

    None unless the last tool result is search results, `{"0": {"title": ..., "snippets": [["..."]]}}`, that answer the
    question.
    """
    results = _search_results(conversation.results[-1].text) if conversation.results else {}
    context = "\n\n".join(results.values())
    chunks: list[Mapping[str, Any]] = []
    for sentence in best_sentences(conversation.user_text, context) if context else ():
        ids = [number for number, text in results.items() if sentence in " ".join(text.split())]
        space = " " if chunks else ""
        chunks.append({"type": "text", "text": f"{space}{sentence}"})
        chunks.extend({"type": "reference", "reference_ids": [number]} for number in ids[:1])
    return chunks or None


def _search_results(text: str) -> Mapping[int, str]:
    """Return the text of each result by its number; nothing if the text is not search results."""
    try:
        value = from_json(text)
    except ValueError:
        return {}
    match value:
        case dict() if value and all(map(_is_result, value.items())):
            return {int(number): _joined(each["snippets"]) for number, each in value.items()}
        case _:
            return {}


def _is_result(item: tuple[str, Any]) -> bool:
    number, result = item
    return (
        number.isdecimal() and isinstance(result, dict) and isinstance(result.get("snippets"), list)
    )


def _joined(snippets: Sequence[Any]) -> str:
    parts = (part for each in snippets for part in (each if isinstance(each, list) else [each]))
    return "\n\n".join(map(str, parts))

"""Batch jobs of Mistral for LlamaIndex: many prompts at half the price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole

from llamaindex_portkey_mistral._arguments import PreparedRequest
from llamaindex_portkey_mistral._responses import from_response
from portkey_mistral.adapted_batch import AdaptedBatchJob, Conversion
from portkey_mistral.batch import BatchResult
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import ChatRequest
from portkey_mistral.responses import ChatResponse as CoreResponse

__all__ = ["ChatBatchJob", "chat_conversion"]


class ChatBatchJob(AdaptedBatchJob[Any]):
    """A batch of prompts on its way through Mistral's batch API; see `PortkeyMistral.batch_job`."""


def chat_conversion(
    prepare: Callable[[Sequence[ChatMessage]], PreparedRequest[ChatRequest]],
    parse: Callable[[ChatResponse], Any],
) -> Conversion[Any]:
    """Return the conversion of prompts, and of what `parse` makes of each response."""
    prepared = prepare([ChatMessage("-", role=MessageRole.USER)])

    def output(result: BatchResult) -> Any:
        if result.error is not None:
            raise result.error
        if not isinstance(result.response, CoreResponse):
            raise InvalidRequestError("This batch was not made of chat requests.")
        names, single_call = prepared.tool_names, prepared.single_call
        return parse(from_response(result.response, names, single_call=single_call))

    return Conversion(lambda prompt: prepare(_messages(prompt)).request, output)


def _messages(prompt: Any) -> Sequence[ChatMessage]:
    match prompt:
        case str():
            return [ChatMessage(prompt, role=MessageRole.USER)]
        case ChatMessage():
            return [prompt]
        case Sequence() if all(isinstance(each, ChatMessage) for each in prompt):
            return prompt
        case [*members]:
            other = next(each for each in members if not isinstance(each, ChatMessage))
            found = f"a list with {type(other).__name__}"
        case _:
            found = type(prompt).__name__
    raise InvalidRequestError(
        f"A prompt must be a string, a ChatMessage, or a list of ChatMessage, got {found}."
    )

"""Makes the objects of a whole answer quickly: LangChain's constructors cost 7 us a call, and this 2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatResult

from portkey_mistral.moulding import fields_of, fits, mould

__all__ = ["answer", "spoken"]

# A message and what else is known of its choice.
Said: TypeAlias = tuple[AIMessage, dict[str, Any]]


def constructed_message(
    content: str | list[str | dict[Any, Any]],
    calls: list[ToolCall],
    unreadable: list[InvalidToolCall],
    usage: UsageMetadata | None,
    metadata: dict[str, Any],
) -> AIMessage:
    """Make what the model said as LangChain does."""
    return AIMessage(
        content=content,
        tool_calls=calls,
        invalid_tool_calls=unreadable,
        usage_metadata=usage,
        response_metadata=metadata,
    )


def constructed_answer(said: Sequence[Said], output: dict[str, Any]) -> ChatResult:
    """Make an answer as LangChain does."""
    generations = [ChatGeneration(message=message, generation_info=info) for message, info in said]
    return ChatResult(generations=generations, llm_output=output)


_MESSAGE = fields_of(constructed_message("", [], [], None, {}))
_GENERATION = fields_of(ChatGeneration(message=AIMessage("")))


def moulded_message(
    content: str | list[str | dict[Any, Any]],
    calls: list[ToolCall],
    unreadable: list[InvalidToolCall],
    usage: UsageMetadata | None,
    metadata: dict[str, Any],
) -> AIMessage:
    """Make the same message of the same containers, which must be nobody else's."""
    given = {
        "content": content,
        "response_metadata": metadata,
        "tool_calls": calls,
        "invalid_tool_calls": unreadable,
        "usage_metadata": usage,
    }
    return mould(AIMessage, {**_MESSAGE, "additional_kwargs": {}, **given}, set(given), {})


def moulded_answer(said: Sequence[Said], output: dict[str, Any]) -> ChatResult:
    """Make the same answer, of the same containers too."""
    generations = [_generation(message, info) for message, info in said]
    given = {"generations": generations, "llm_output": output}
    return mould(ChatResult, given, set(given))


def _generation(message: AIMessage, info: dict[str, Any]) -> ChatGeneration:
    if not isinstance(message.content, str):  # LangChain has its own way to find the text in blocks
        return ChatGeneration(message=message, generation_info=info)
    given = {"text": message.content, "generation_info": info, "message": message}
    return mould(ChatGeneration, {**_GENERATION, **given}, set(given))


def sample(
    make_message: Callable[..., AIMessage], make_answer: Callable[..., ChatResult], text: str
) -> ChatResult:
    """Make an answer with everything in it."""
    call = ToolCall(name="f", args={"a": 1}, id="1", type="tool_call")
    unreadable = InvalidToolCall(
        type="invalid_tool_call", id="2", name="g", args="{", error="The arguments are not JSON."
    )
    usage = UsageMetadata(input_tokens=1, output_tokens=2, total_tokens=3)
    message = make_message(text, [call], [unreadable], usage, {"id": "3"})
    return make_answer([(message, {"finish_reason": "stop"})], {"model_name": "m"})


_fit = fits(
    partial(sample, moulded_message, moulded_answer),
    partial(sample, constructed_message, constructed_answer),
)

spoken = moulded_message if _fit else constructed_message
"""Make what the model said."""

answer = moulded_answer if _fit else constructed_answer
"""Make an answer of one choice or more."""

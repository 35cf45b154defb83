"""LangChain's parsers for structured answers, made to refuse what its own let pass.

LangChain completes broken JSON, so that an answer cut off at `max_tokens` looks whole, and gives None where
the call to the schema's function is missing or unreadable. A stream whose answer does not fit ends there
without a value and without an error; here its last chunk is read as strictly as a whole answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core import exceptions as langchain_exceptions
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import (
    BaseCumulativeTransformOutputParser,
    JsonOutputKeyToolsParser,
    JsonOutputParser,
    PydanticOutputParser,
    PydanticToolsParser,
)
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.pydantic import TBaseModel

__all__ = [
    "JsonParser",
    "JsonToolParser",
    "PydanticParser",
    "PydanticToolParser",
    "TruncatedAnswerError",
]

_CUT = ("length", "model_length")

# From langchain-core 1.7.5 on.
_ModelRefusalError = getattr(langchain_exceptions, "ModelRefusalError", None)


class TruncatedAnswerError(OutputParserException):
    """A structured answer was cut off, at `max_tokens` or at the end of the model's window."""


class _Streamed(BaseCumulativeTransformOutputParser[Any]):
    """Goes before LangChain's parser in the bases; reads whole messages in a stream too.

    Where streaming is switched off, a stream brings one whole message, whose calls LangChain's parsers lose.
    """

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        return super()._transform(map(_as_chunk, input))

    def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        return super()._atransform(_as_chunk(message) async for message in input)


def _as_chunk(message: str | BaseMessage) -> str | BaseMessage:
    if isinstance(message, AIMessageChunk) or not isinstance(message, AIMessage):
        return message
    return AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")


class JsonParser(_Streamed, JsonOutputParser):
    """Reads a mapping from the text of an answer."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser. Raises `TruncatedAnswerError` for an answer that was cut."""
        _tell_refusal(result)
        _refuse_cut(result, [result[0].text])
        return super().parse_result(result, partial=partial and not _is_whole(result))


class PydanticParser(_Streamed, PydanticOutputParser[TBaseModel]):
    """Reads an instance of a class from the text of an answer."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser. Raises `TruncatedAnswerError` for an answer that was cut."""
        _tell_refusal(result)
        _refuse_cut(result, [result[0].text])
        return super().parse_result(result, partial=partial and not _is_whole(result))


class JsonToolParser(_Streamed, JsonOutputKeyToolsParser):
    """Reads a mapping from the call to the schema's function."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser. Raises `OutputParserException` for a call that is not whole."""
        _tell_refusal(result)
        partial = partial and not _is_whole(result)
        _refuse_bad_calls(result, partial=partial)
        return super().parse_result(result, partial=partial)


class PydanticToolParser(_Streamed, PydanticToolsParser):
    """Reads an instance of a class from the call to the schema's function."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser. Raises `OutputParserException` for a call that is not whole."""
        _tell_refusal(result)
        partial = partial and not _is_whole(result)
        _refuse_bad_calls(result, partial=partial)
        return super().parse_result(result, partial=partial)


def _tell_refusal(result: list[Generation]) -> None:
    """Raise for a model that refused, by LangChain's own error where it has one."""
    message = _message(result)
    if message is None or isinstance(message.content, str):
        return
    for block in message.content_blocks:
        match block.get("value", block):
            case {"type": "refusal"} as refusal if _ModelRefusalError is not None:
                raise _ModelRefusalError.from_refusal(refusal, raw_message=message)
            case {"type": "refusal", "refusal": str(text)}:
                raise OutputParserException(f"The model refused: {text}", llm_output=text)


def _refuse_bad_calls(result: list[Generation], *, partial: bool) -> None:
    message = _message(result)
    if message is None:
        return
    _refuse_cut(result, list(_arguments(message)))
    if partial:
        return
    for call in message.invalid_tool_calls:
        raise OutputParserException(
            f"The call to {call['name']!r} cannot be read. {call['error']}", llm_output=call["args"]
        )
    # LangChain completes what came in pieces, and then it is in no list of invalid calls.
    for arguments in _arguments(message):
        if arguments.strip() and not _is_json(arguments):
            raise OutputParserException(
                "The call to the schema cannot be read: its arguments are not JSON.",
                llm_output=arguments,
            )
    if not message.tool_calls:
        raise OutputParserException(
            "The model answered in text instead of the schema.", llm_output=message.text
        )


def _refuse_cut(result: list[Generation], texts: list[str]) -> None:
    """Refuse JSON that ends in the middle. Whole JSON may be cut too, in the white space after it."""
    message = _message(result)
    if message is None or message.response_metadata.get("finish_reason") not in _CUT:
        return
    if not texts or not all(map(_is_json, texts)):
        raise TruncatedAnswerError(
            "The answer was cut off before its JSON was complete. Raise max_tokens, or ask for less.",
            llm_output="".join(texts),
        )


def _message(result: list[Generation]) -> AIMessage | None:
    generation = result[0]
    if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
        return generation.message
    return None


def _is_whole(result: list[Generation]) -> bool:
    """Tell whether the last chunk of a stream has been merged in."""
    message = _message(result)
    return isinstance(message, AIMessageChunk) and message.chunk_position == "last"


def _arguments(message: AIMessage) -> Iterator[str]:
    """Give the arguments of calls as the model wrote them, where that is still known."""
    if isinstance(message, AIMessageChunk):
        yield from (piece["args"] or "" for piece in message.tool_call_chunks)
    else:
        yield from (json.dumps(call["args"]) for call in message.tool_calls)
        yield from (call["args"] or "" for call in message.invalid_tool_calls)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True

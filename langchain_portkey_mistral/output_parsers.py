"""LangChain's parsers for structured output, made strict about incomplete answers.

LangChain's own complete truncated JSON, so that an answer that was cut off at `max_tokens` looks complete; they
return None if the tool call with the answer is missing or invalid; and a stream whose answer does not match the
schema ends without a value and without an error. Here a truncated answer is an error, and the last chunk of a
stream is parsed as strictly as a whole answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
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
from langchain_core.utils.json import parse_json_markdown
from langchain_core.utils.pydantic import TBaseModel
from pydantic_core import from_json

from langchain_portkey_mistral._to_langchain import invalid_call_as_received
from portkey_mistral.exceptions import cause_and_cure
from portkey_mistral.responses import TRUNCATED

__all__ = [
    "JsonParser",
    "JsonToolParser",
    "PydanticParser",
    "PydanticToolParser",
    "TruncatedAnswerError",
]

# Since langchain-core 1.7.5.
_ModelRefusalError = getattr(langchain_exceptions, "ModelRefusalError", None)


class TruncatedAnswerError(OutputParserException):
    """A structured answer was cut off: at `max_tokens`, at the end of the context window, or by a stop sequence."""

    def __init__(self, error: Any, **kwargs: Any) -> None:
        super().__init__(error, **kwargs)
        self.add_note(cause_and_cure(type(self).__name__))


class _StreamOfMessages(BaseCumulativeTransformOutputParser[Any]):
    """Parses whole messages in a stream too; comes before LangChain's parser in the bases.

    With streaming disabled, a stream is one whole message, whose tool calls LangChain's parsers ignore.
    """

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        return super()._transform(map(_as_chunk, input))

    def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        return super()._atransform(_as_chunk(message) async for message in input)


def _as_chunk(message: str | BaseMessage) -> str | BaseMessage:
    if isinstance(message, AIMessageChunk) or not isinstance(message, AIMessage):
        return message
    return AIMessageChunk(**message.model_dump(exclude={"type"}), chunk_position="last")


class _PartialJson(JsonOutputParser):
    """Parses the text of a stream so far; comes after LangChain's parser in the bases.

    LangChain's own goes through all text so far, character by character in Python, with every chunk.
    """

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        text = result[0].text.strip()
        if partial and text.startswith("{"):
            # What is not strictly JSON (line breaks within strings, text after the object) is LangChain's to read.
            with suppress(ValueError):
                return from_json(text, allow_partial="trailing-strings")
        parsed = super().parse_result(result, partial=partial)
        if not partial:
            _check_end(result, parsed)
        return parsed


class JsonParser(_StreamOfMessages, _PartialJson):
    """Parses the text of an answer to a dict."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser.

        Raises:
            TruncatedAnswerError: the answer was cut off.
        """
        _check_text(result)
        partial = partial and not _is_complete(result)
        parsed = super().parse_result(result, partial=partial)
        if parsed is None and not partial:
            raise OutputParserException(
                "The answer is null instead of a JSON object.", llm_output=result[0].text
            )
        return parsed


class PydanticParser(_StreamOfMessages, PydanticOutputParser[TBaseModel], _PartialJson):
    """Parses the text of an answer to an instance of a pydantic class."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser.

        Raises:
            TruncatedAnswerError: the answer was cut off.
        """
        _check_text(result)
        partial = partial and not _is_complete(result)
        try:
            return super().parse_result(result, partial=partial)
        except Exception:
            # A validator may rely on what has not been received yet.
            if partial:
                return None
            raise


class JsonToolParser(_StreamOfMessages, JsonOutputKeyToolsParser):
    """Parses the arguments of a tool call to a dict."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser.

        Raises:
            TruncatedAnswerError: the answer was cut off.
            OutputParserException: the call is missing or invalid.
        """
        partial = partial and not _is_complete(result)
        _check_tool_calls(result, partial=partial)
        parsed = super().parse_result(result, partial=partial)
        message = _message(result)
        if parsed is None and not partial and message is not None:
            called = ", ".join(repr(call["name"]) for call in message.tool_calls)
            raise OutputParserException(
                f"The model called {called} instead of the tool for the schema, {self.key_name!r}.",
                llm_output=message.text,
            )
        return parsed


class PydanticToolParser(_StreamOfMessages, PydanticToolsParser):
    """Parses the arguments of a tool call to an instance of a pydantic class."""

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse; see LangChain's parser.

        Raises:
            TruncatedAnswerError: the answer was cut off.
            OutputParserException: the call is missing or invalid.
        """
        partial = partial and not _is_complete(result)
        _check_tool_calls(result, partial=partial)
        try:
            return super().parse_result(result, partial=partial)
        except Exception:
            # A validator may rely on what has not been received yet.
            if partial:
                return None
            raise


def _check_text(result: list[Generation]) -> None:
    _check_refusal(result)
    _check_truncation(result, [result[0].text])


def _check_tool_calls(result: list[Generation], *, partial: bool) -> None:
    _check_refusal(result)
    message = _message(result)
    if message is None:
        return
    _check_truncation(result, list(_arguments(message)))
    if partial:
        return
    for call in map(invalid_call_as_received, message.invalid_tool_calls):
        raise OutputParserException(
            f"The tool call {call['name']!r} is invalid. {call['error']}", llm_output=call["args"]
        )
    # LangChain completes the arguments of streamed calls, and does not list those as invalid.
    for arguments in _arguments(message):
        if arguments.strip() and not _is_json(arguments):
            raise OutputParserException(
                "The tool call with the answer is invalid: its arguments are not JSON.",
                llm_output=arguments,
            )
    if not message.tool_calls:
        raise OutputParserException(
            "The model answered with text instead of calling the tool for the schema.",
            llm_output=message.text,
        )


def _check_refusal(result: list[Generation]) -> None:
    """Raise if the model refused to answer, with LangChain's own error where it has one."""
    message = _message(result)
    if message is None or isinstance(message.content, str):
        return
    for block in message.content_blocks:
        match block.get("value", block):
            case {"type": "refusal"} as refusal if _ModelRefusalError is not None:
                raise _ModelRefusalError.from_refusal(refusal, raw_message=message)
            case {"type": "refusal", "refusal": str(text)}:
                raise OutputParserException(f"The model refused: {text}", llm_output=text)


def _check_truncation(result: list[Generation], texts: list[str]) -> None:
    """Raise for truncated JSON. The finish reason alone is not enough: complete JSON may be followed by spaces."""
    message = _message(result)
    if message is None or message.response_metadata.get("finish_reason") not in TRUNCATED:
        return
    if not texts or not all(_is_json(text) for text in texts):
        raise TruncatedAnswerError(
            "The answer was cut off before its JSON was complete. Raise max_tokens, or ask for less.",
            llm_output="".join(texts),
        )


def _check_end(result: list[Generation], parsed: Any) -> None:
    """Raise if LangChain has completed the JSON, or could not read it, for which it returns None."""
    text = result[0].text
    try:
        parse_json_markdown(text, parser=_first_value)
    except ValueError:
        pass
    else:
        return
    if parsed is None:
        raise OutputParserException(f"Invalid json output: {text}", llm_output=text)
    message = _message(result)
    reason = message and message.response_metadata.get("finish_reason")
    raise TruncatedAnswerError(
        f"The answer ended before its JSON was complete, with the finish reason {reason!r}. A stop sequence ends an "
        "answer wherever it occurs.",
        llm_output=text,
    )


# As lenient as LangChain about line breaks within strings.
_DECODER = json.JSONDecoder(strict=False)


def _first_value(text: str) -> Any:
    """Return the JSON value that a text begins with."""
    return _DECODER.raw_decode(text)[0]


def _message(result: list[Generation]) -> AIMessage | None:
    generation = result[0]
    if isinstance(generation, ChatGeneration) and isinstance(generation.message, AIMessage):
        return generation.message
    return None


def _is_complete(result: list[Generation]) -> bool:
    """Return whether the last chunk of a stream has been merged in."""
    message = _message(result)
    return isinstance(message, AIMessageChunk) and message.chunk_position == "last"


def _arguments(message: AIMessage) -> Iterator[str]:
    """Return the arguments of tool calls as JSON text, as far as possible as the model wrote it."""
    if isinstance(message, AIMessageChunk):
        yield from (chunk["args"] or "" for chunk in message.tool_call_chunks)
    else:
        yield from (json.dumps(call["args"]) for call in message.tool_calls)
        yield from (call["args"] or "" for call in message.invalid_tool_calls)


def _is_json(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True

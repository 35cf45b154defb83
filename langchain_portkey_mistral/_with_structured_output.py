"""The method `with_structured_output` of models and of their bindings, typed by the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, overload

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_portkey_mistral._schemas import Method, Schema
from langchain_portkey_mistral._tools import ToolLike

__all__ = ["RawAnswer", "StructuresOutput"]

_Model = TypeVar("_Model", bound=BaseModel)
_Parsed = TypeVar("_Parsed")


class RawAnswer(TypedDict, Generic[_Parsed]):
    """What `include_raw=True` returns.

    Attributes:
        raw: The model's message.
        parsed: The answer; None if parsing failed, or the model called a tool instead.
        parsing_error: Why parsing failed.
    """

    raw: AIMessage
    parsed: _Parsed | None
    parsing_error: BaseException | None


class StructuresOutput:
    """Comes before LangChain's own class in the bases."""

    @overload
    def with_structured_output(
        self,
        schema: type[_Model],
        *,
        method: Method | None = None,
        include_raw: Literal[False] = False,
        strict: bool | None = None,
        tools: None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Model]: ...
    @overload
    def with_structured_output(
        self,
        schema: type[_Model],
        *,
        method: Method | None = None,
        include_raw: Literal[False] = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike],
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, _Model | None]: ...
    @overload
    def with_structured_output(
        self,
        schema: type[_Model],
        *,
        method: Method | None = None,
        include_raw: Literal[True],
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, RawAnswer[_Model]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Mapping[str, Any] | None = None,
        *,
        method: Method | None = None,
        include_raw: Literal[False] = False,
        strict: bool | None = None,
        tools: None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any]]: ...
    @overload
    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]: ...
    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Return a runnable whose answers follow a schema.

        Of a binding, what is bound is kept; with "json_schema", bound tools stay available.

        Args:
            schema: A pydantic class (answers are instances of it), or a TypedDict, JSON Schema or tool (answers
                are dicts). None only with "json_mode".
            method: "json_schema", "function_calling", or "json_mode" (the prompt has to ask for JSON). None
                means "json_schema", or "function_calling" if the model does not support JSON Schema or the
                gateway would drop `response_format`.
            include_raw: Return `{"raw": message, "parsed": value, "parsing_error": error}`, and do not raise
                if parsing fails.
            strict: Make the answer follow the schema strictly. None means True with "json_schema", and
                Mistral's default (False) with "function_calling".
            tools: With "json_schema": tools that the model may call instead; `parsed` is None then.
            kwargs: Further arguments to bind; see the class.

        Raises:
            InvalidRequestError: `method` is unknown, or the arguments exclude each other.
        """
        return self._structured(
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            tools=tools,
            arguments=kwargs,
        )

    def _structured(
        self,
        schema: Schema | None,
        *,
        method: Method | None,
        include_raw: bool,
        strict: bool | None,
        tools: Sequence[ToolLike] | None,
        arguments: Mapping[str, Any],
    ) -> Runnable[LanguageModelInput, Any]:
        raise NotImplementedError

"""`PortkeyMistral`: Mistral's chat and code models as a LlamaIndex LLM."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.agent.react.formatter import ReActChatFormatter
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import FlexibleModel
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools.types import BaseTool
from llama_index_instrumentation import get_dispatcher
from pydantic import AliasChoices, BaseModel, Field

from llamaindex_portkey_mistral._arguments import (
    PreparedRequest,
    chat_request,
    fim_request,
    with_positional_model,
)
from llamaindex_portkey_mistral._messages import to_messages
from llamaindex_portkey_mistral._metadata import can, metadata_of
from llamaindex_portkey_mistral._pickling import PicklableMixin
from llamaindex_portkey_mistral._redaction import redacts_arguments
from llamaindex_portkey_mistral._responses import (
    from_fim_response,
    from_response,
    to_completion,
)
from llamaindex_portkey_mistral._streaming import (
    ResponseStream,
    astream_responses,
    ato_completions,
    stream_responses,
    to_completions,
)
from llamaindex_portkey_mistral._structured_output import (
    OutputFormat,
    PartialObject,
    choose_format,
    parse_output,
)
from llamaindex_portkey_mistral._tools import (
    acall_selection,
    call_selection,
    tool_outputs_response,
    tool_selections,
    wire_tool,
    wire_tool_choice,
)
from llamaindex_portkey_mistral.output_parsers import StrictReActOutputParser
from portkey_mistral import ConnectedSettings, GenerationSettings
from portkey_mistral.adapter_support import keep_signature
from portkey_mistral.config import Config
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.requests import CallOptions, ChatRequest, list_of_tools
from portkey_mistral.settings.connection import MODEL_CONFIG, BodyExtras
from portkey_mistral.settings.generation import GENERATION_FIELDS
from portkey_mistral.tokens import count_message_tokens, count_tokens

if TYPE_CHECKING:
    from llamaindex_portkey_mistral.batch_jobs import ChatBatchJob
    from portkey_mistral.adapted_batch import Conversion

__all__ = ["PortkeyMistral"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Model = TypeVar("_Model", bound=BaseModel)

_dispatcher = get_dispatcher(__name__)


# Core's decorators return a bare Callable; these keep the type of the method. Core's spans inspect what they return.


def _chat_event(method: _F) -> _F:
    return cast("_F", keep_signature(llm_chat_callback()(method)))


def _completion_event(method: _F) -> _F:
    return cast("_F", keep_signature(llm_completion_callback()(method)))


def _fim_event(method: _F) -> _F:
    # Core opens spans only for methods that it declares itself; tracing tools leave out events without a span.
    return cast("_F", _dispatcher.span(_completion_event(method)))


@redacts_arguments(
    (
        "chat",
        "complete",
        "stream_chat",
        "stream_complete",
        "fill_in_middle",
        "stream_fill_in_middle",
        "chat_with_tools",
        "stream_chat_with_tools",
        "predict_and_call",
        "structured_predict",
        "stream_structured_predict",
    )
)
class PortkeyMistral(ConnectedSettings, GenerationSettings, PicklableMixin, FunctionCallingLLM):
    """A Mistral model, reached directly, through a Portkey gateway, or in the built-in sandbox.

    Takes the connection fields of `ConnectionSettings`, the model fields of `GenerationSettings` and the
    fields of every LlamaIndex LLM (`system_prompt`, `callback_manager`, `output_parser`, ...). Every method
    also takes, for one call, any model field, `portkey_config`, `trace_id`, `portkey_metadata`,
    `cache_namespace`, `cache_force_refresh`, `forward_headers`, `headers` and `timeout`.

    Responses have the server's body in `raw`; their `additional_kwargs` hold the finish reason, token counts
    and `call_info`, which records the mode, the lane and every attempt of the call.

    A last assistant message is a prefix, which the model continues, unless the call wants a schema, JSON mode or a certain
    tool, or an assistant message has a name. `additional_kwargs={"prefix": True}` or `False` on the message decides it.

    Raises:
        ConfigurationError: on construction, if an argument is unknown or arguments contradict each other.
        InvalidRequestError: on a call that cannot succeed; nothing was sent.
        APIError: on a call that failed in transit or at the server.

    Examples:
        >>> from llamaindex_portkey_mistral import PortkeyMistral
        >>> llm = PortkeyMistral(model="mistral-small-latest", base_url="sandbox:")
        >>> str(llm.complete("Say hello.")) != ""
        True
    """

    model_config = MODEL_CONFIG

    additional_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("additional_kwargs", "extra_body")
    )
    """Further body fields, sent with every chat request. An argument of the call overrides the field of that name."""
    context_window: int | None = Field(default=None, gt=0)
    """In tokens. Overrides the model catalog, e.g. for models it does not list."""
    is_function_calling_model: bool | None = None
    """Overrides the model catalog. Unlisted models are assumed to call functions."""

    if not TYPE_CHECKING:  # type checkers use the signature that pydantic derives from the fields

        def __init__(self, model: str | None = None, /, **fields: Any) -> None:
            super().__init__(**with_positional_model(model, "model", fields))

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistral"

    @property
    def metadata(self) -> LLMMetadata:
        """Context window and capabilities from the model catalog; permissive for unlisted models.

        They are those of the models that calls reach: with a config whose targets have `override_params`, the
        smallest window and the common capabilities. `model_name` is then the first of these models.
        """
        return metadata_of(
            self._reached_models(self.model, self.parsed_config),
            max_tokens=self.max_tokens,
            context_window=self.context_window,
            is_function_calling_model=self.is_function_calling_model,
        )

    def to_payload(self) -> dict[str, Any]:
        """What events and callbacks record about this object: model, parameters, mode and endpoint, never a key."""
        fields = vars(self)
        return {
            "class_name": self.class_name(),
            **vars(self.metadata),
            "temperature": self.temperature,
            # Tracing tools take the model and the parameters from their names in the API.
            **{name: value for name in GENERATION_FIELDS if (value := fields[name]) is not None},
            "mode": self.mode,
            "endpoint": self.gateway_url or self.base_url,
            "provider": self.provider,
        }

    def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of messages offline: exactly if `mistral-common` is installed, else an estimate.

        Images, documents and audio are estimates; see `portkey_mistral.tokens.count_message_tokens`. On an event loop
        the first counts are estimates, while a thread loads the tokenizer.
        """
        return count_message_tokens(
            to_messages(messages), lambda text: count_tokens(text, self.model)
        )

    # --- chat and complete -----------------------------------------------------------------------

    @_chat_event
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._chat(self._prepare(messages, kwargs))

    @_chat_event
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._achat(self._prepare(messages, kwargs))

    @_chat_event
    def stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse, None, None]:
        return self._stream(self._prepare(messages, kwargs))

    @_chat_event
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        return self._astream(self._prepare(messages, kwargs))

    # Not implemented by `chat`, which is decorated too: events, token counts and rate limits would double.

    @_completion_event
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return to_completion(self._chat(self._prepare_prompt(prompt, formatted, kwargs)))

    @_completion_event
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        return to_completion(await self._achat(self._prepare_prompt(prompt, formatted, kwargs)))

    @_completion_event
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        return to_completions(self._stream(self._prepare_prompt(prompt, formatted, kwargs)))

    @_completion_event
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        return ato_completions(self._astream(self._prepare_prompt(prompt, formatted, kwargs)))

    # --- fill in the middle ----------------------------------------------------------------------

    @_fim_event
    def fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> CompletionResponse:
        """Complete the code between `prompt` and `suffix`.

        Needs a fill-in-the-middle model such as `codestral-latest`; other listed models raise before anything
        is sent. Of the model fields it takes temperature, top_p, max_tokens, min_tokens, stop and random_seed.
        """
        prepared = fim_request(self, prompt, suffix, kwargs)
        return from_fim_response(self.client.fim(prepared.request, prepared.options))

    @_fim_event
    async def afill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> CompletionResponse:
        """Complete the code between `prompt` and `suffix`; see `fill_in_middle`."""
        prepared = fim_request(self, prompt, suffix, kwargs)
        return from_fim_response(await self.client.afim(prepared.request, prepared.options))

    @_fim_event
    def stream_fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        """Stream the code between `prompt` and `suffix`; see `fill_in_middle`."""
        return to_completions(self._stream(fim_request(self, prompt, suffix, kwargs)))

    @_fim_event
    async def astream_fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        """Stream the code between `prompt` and `suffix`; see `fill_in_middle`."""
        return ato_completions(self._astream(fim_request(self, prompt, suffix, kwargs)))

    # --- tools -----------------------------------------------------------------------------------

    @keep_signature
    def _prepare_chat_with_tools(  # noqa: PLR0917 - core's signature
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Return the arguments that core's `*_chat_with_tools` pass to `chat`. The history is not changed."""
        messages = [*(chat_history or ()), *_as_messages(user_msg)]
        if not tools:
            return {"messages": messages, **kwargs}
        choice = wire_tool_choice(tool_choice, required=tool_required)
        return {
            "messages": messages,
            "tools": [wire_tool(tool) for tool in list_of_tools(tools)],
            **({} if choice is None else {"tool_choice": choice}),
            **({} if allow_parallel_tool_calls else {"parallel_tool_calls": False}),
            **kwargs,
        }

    @keep_signature
    def predict_and_call(  # noqa: PLR0917 - core's signature
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the model call tools, and return their outputs.

        A call with an unknown tool or broken arguments is an error output, like one whose tool raised.

        Raises:
            ValueError: there is no tool call and `error_on_no_tool_call` is set, or there is an error output
                and `error_on_tool_error` is set.
        """
        if not self.metadata.is_function_calling_model:
            return super().predict_and_call(
                tools, user_msg, chat_history, verbose, **_react_arguments(kwargs)
            )
        response = self.chat_with_tools(
            tools,
            user_msg,
            chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **kwargs,
        )
        selections = self.get_tool_calls_from_response(response, error_on_no_tool_call)
        outputs = [call_selection(each, tools, verbose=verbose) for each in selections]
        return tool_outputs_response(response, outputs, error_on_tool_error=error_on_tool_error)

    @keep_signature
    async def apredict_and_call(  # noqa: PLR0917 - core's signature
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        error_on_no_tool_call: bool = True,
        error_on_tool_error: bool = False,
        **kwargs: Any,
    ) -> AgentChatResponse:
        """Let the model call tools, and return their outputs; see `predict_and_call`."""
        if not self.metadata.is_function_calling_model:
            return await super().apredict_and_call(
                tools, user_msg, chat_history, verbose, **_react_arguments(kwargs)
            )
        response = await self.achat_with_tools(
            tools,
            user_msg,
            chat_history,
            verbose=verbose,
            allow_parallel_tool_calls=allow_parallel_tool_calls,
            **kwargs,
        )
        selections = self.get_tool_calls_from_response(response, error_on_no_tool_call)
        calls = [acall_selection(each, tools, verbose=verbose) for each in selections]
        outputs = await asyncio.gather(*calls)
        return tool_outputs_response(response, outputs, error_on_tool_error=error_on_tool_error)

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """Return the tool calls of a response or of a stream item.

        A call whose arguments were cut off or are not a JSON object gets a name that no tool has and that states the
        reason, so no agent runs it and the model is shown the error.

        Raises:
            ValueError: there are none and `error_on_no_tool_call` is set; the message quotes the answer.
        """
        selections = tool_selections(response)
        if not selections and error_on_no_tool_call:
            raise ValueError(
                f"Expected at least one tool call, but the model answered: {response.message.content!r}"
            )
        return selections

    # --- structured output -----------------------------------------------------------------------

    @keep_signature
    def structured_predict(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> _Model:
        """Answer a prompt with an instance of a pydantic class.

        The class is sent as a JSON Schema if the model and the route take `response_format`, else as a
        function to call. `pydantic_program_mode` overrides this choice.

        Raises:
            TruncatedOutputError: the answer was cut off, usually at `max_tokens`.
            RefusedOutputError: the model answered in prose.
            StructuredOutputError: the answer does not fit the class.
        """
        output_format = self._output_format(output_cls, llm_kwargs)
        if output_format is None:
            fallback: _Model = super().structured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return fallback
        _dispatcher.event(_start_event(output_cls, prompt, prompt_args))
        messages = self._format_prompt(prompt, prompt_args)
        response = self.chat(messages, **output_format.call_arguments(llm_kwargs))
        result = parse_output(response, output_cls, output_format)
        _dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    @keep_signature
    async def astructured_predict(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> _Model:
        """Answer a prompt with an instance of a pydantic class; see `structured_predict`."""
        output_format = self._output_format(output_cls, llm_kwargs)
        if output_format is None:
            fallback: _Model = await super().astructured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return fallback
        _dispatcher.event(_start_event(output_cls, prompt, prompt_args))
        messages = self._format_prompt(prompt, prompt_args)
        response = await self.achat(messages, **output_format.call_arguments(llm_kwargs))
        result = parse_output(response, output_cls, output_format)
        _dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    # Core's stream_structured_predict and astream_structured_predict call these two.

    def _structured_stream_call(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None, None]:
        output_format = self._output_format(output_cls, llm_kwargs)
        if output_format is None:
            yield from super()._structured_stream_call(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return
        messages = self._format_prompt(prompt, prompt_args)
        partial = PartialObject(output_cls, output_format)
        arguments = output_format.call_arguments(llm_kwargs)
        item = ChatResponse(message=ChatMessage())
        with closing(self.stream_chat(messages, **arguments)) as items:
            for item in items:
                if (received := partial.update(item.message)) is not None:
                    yield received
        if (result := partial.finish(item)) is not None:
            yield result

    async def _structured_astream_call(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None]:
        output_format = self._output_format(output_cls, llm_kwargs)
        if output_format is None:
            return await super()._structured_astream_call(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
        messages = self._format_prompt(prompt, prompt_args)
        arguments = output_format.call_arguments(llm_kwargs)
        return _partial_objects(
            await self.astream_chat(messages, **arguments), PartialObject(output_cls, output_format)
        )

    def _format_prompt(
        self, prompt: PromptTemplate, prompt_args: dict[str, Any]
    ) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def _output_format(
        self, output_cls: type[BaseModel], llm_kwargs: Mapping[str, Any] | None
    ) -> OutputFormat | None:
        """Choose how to request a class from these models; None means core's program for the mode."""
        kwargs = llm_kwargs or {}
        model, config = kwargs.get("model") or self.model, kwargs.get("portkey_config")
        names = self._reached_models(model, config or self.parsed_config)
        options = CallOptions(portkey_config=config)
        takes_schema = can(names, "json") and self.client.keeps_response_format(model, options)
        calls_tools = self.metadata.is_function_calling_model
        return choose_format(
            output_cls,
            self.pydantic_program_mode,
            takes_schema=takes_schema,
            calls_tools=calls_tools,
        )

    @staticmethod
    def _reached_models(model: str, config: Any) -> tuple[str, ...]:
        return (model,) if config is None else Config.parse(config).chat_models(model)

    # --- batch jobs ------------------------------------------------------------------------------

    def batch_job(
        self,
        prompts: Iterable[str | ChatMessage | Sequence[ChatMessage]],
        *,
        tools: Sequence[BaseTool] | None = None,
        output_cls: type[BaseModel] | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout_hours: int = 24,
        **kwargs: Any,
    ) -> ChatBatchJob:
        """Send prompts as a batch: answered within hours instead of seconds, at half the price.

        `results()` of the job yields for each prompt, in order, the `ChatResponse` that `chat` would return (with
        `output_cls` the instance that `structured_predict` would), or the exception that it would raise. Only Mistral
        itself offers batches, not its regional hosts, and not Portkey.

        Args:
            prompts: Texts, messages, or lists of messages; read once.
            tools: Tools that the model may call.
            output_cls: A pydantic class for the answers.
            name: A name of your choice, with which the call is repeatable; see `portkey_mistral.Client.batch`.
            metadata: Metadata of the jobs at Mistral.
            timeout_hours: Hours after which Mistral gives up, 1 to 168.
            **kwargs: Arguments of `chat`.
        """
        from llamaindex_portkey_mistral.batch_jobs import ChatBatchJob

        conversion, options = self._conversion(tools, output_cls, kwargs)
        return ChatBatchJob.start(
            self.client,
            conversion,
            prompts,
            options,
            name=name,
            metadata=metadata,
            timeout_hours=timeout_hours,
        )

    async def abatch_job(self, prompts: Iterable[Any], **kwargs: Any) -> ChatBatchJob:
        """The async version of `batch_job`. Prompts are read and sent in a thread."""
        return await asyncio.to_thread(lambda: self.batch_job(prompts, **kwargs))

    def resume_batch_job(
        self,
        job_id: str,
        *,
        tools: Sequence[BaseTool] | None = None,
        output_cls: type[BaseModel] | None = None,
        **kwargs: Any,
    ) -> ChatBatchJob:
        """Find a batch by its `id` or name. The other arguments are those of `batch_job`."""
        from llamaindex_portkey_mistral.batch_jobs import ChatBatchJob

        conversion, options = self._conversion(tools, output_cls, kwargs)
        return ChatBatchJob(self.client.resume_batch(job_id, options), conversion)

    async def aresume_batch_job(self, job_id: str, **kwargs: Any) -> ChatBatchJob:
        """The async version of `resume_batch_job`."""
        return await asyncio.to_thread(lambda: self.resume_batch_job(job_id, **kwargs))

    def _conversion(
        self,
        tools: Sequence[BaseTool] | None,
        output_cls: type[BaseModel] | None,
        kwargs: Mapping[str, Any],
    ) -> tuple[Conversion[Any], CallOptions | None]:
        from llamaindex_portkey_mistral.batch_jobs import chat_conversion

        arguments = dict(kwargs)
        parse: Callable[[ChatResponse], Any] = _unchanged
        if tools:
            arguments["tools"] = [wire_tool(tool) for tool in tools]
        if output_cls is not None:
            output_format = self._output_format(output_cls, arguments)
            if output_format is None:
                raise InvalidRequestError(
                    "output_cls needs a model that takes a schema or tools, and no pydantic_program_mode of another kind."
                )
            arguments = output_format.call_arguments(arguments)
            parse = partial(parse_output, output_cls=output_cls, output_format=output_format)
        conversion = chat_conversion(lambda messages: self._prepare(messages, arguments), parse)
        return conversion, self._prepare(_as_messages("-"), arguments).options

    # --- calls without events ----------------------------------------------------------------------

    def _prepare(
        self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]
    ) -> PreparedRequest[ChatRequest]:
        return chat_request(self, messages, kwargs, extra=self.additional_kwargs)

    def _prepare_prompt(
        self, prompt: str, formatted: bool, kwargs: Mapping[str, Any]
    ) -> PreparedRequest[ChatRequest]:
        format_prompt = None if formatted else self.completion_to_prompt
        text = format_prompt(prompt) if format_prompt else prompt
        return self._prepare(_as_messages(text), kwargs)

    def _chat(self, prepared: PreparedRequest[ChatRequest]) -> ChatResponse:
        response = self.client.chat(prepared.request, prepared.options)
        return from_response(response, prepared.tool_names, single_call=prepared.single_call)

    async def _achat(self, prepared: PreparedRequest[ChatRequest]) -> ChatResponse:
        response = await self.client.achat(prepared.request, prepared.options)
        return from_response(response, prepared.tool_names, single_call=prepared.single_call)

    def _stream(self, prepared: PreparedRequest[Any]) -> Generator[ChatResponse, None, None]:
        responses = ResponseStream(prepared.tool_names, single_call=prepared.single_call)
        return stream_responses(self.client.stream(prepared.request, prepared.options), responses)

    def _astream(self, prepared: PreparedRequest[Any]) -> AsyncGenerator[ChatResponse, None]:
        responses = ResponseStream(prepared.tool_names, single_call=prepared.single_call)
        return astream_responses(self.client.astream(prepared.request, prepared.options), responses)


def _unchanged(response: ChatResponse) -> ChatResponse:
    return response


def _as_messages(message: str | ChatMessage | None) -> list[ChatMessage]:
    match message:
        case None:
            return []
        case str():
            return [ChatMessage(role=MessageRole.USER, content=message)]
        case _:
            return [message]


def _react_arguments(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Fill in the arguments that core's text-based `predict_and_call` passes to a `ReActAgent`; it has no defaults."""
    defaults = {
        "react_chat_formatter": ReActChatFormatter(),
        "output_parser": StrictReActOutputParser(),
    }
    return {**defaults, **kwargs}


def _start_event(
    output_cls: type[BaseModel], prompt: PromptTemplate, prompt_args: dict[str, Any]
) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(
        output_cls=output_cls, template=prompt, template_args=prompt_args
    )


async def _partial_objects(
    items: AsyncGenerator[ChatResponse, None], partial: PartialObject[_Model]
) -> AsyncGenerator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None]:
    item = ChatResponse(message=ChatMessage())
    async for item in items:
        if (received := partial.update(item.message)) is not None:
            yield received
    if (result := partial.finish(item)) is not None:
        yield result

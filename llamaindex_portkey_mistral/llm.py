"""`PortkeyMistral`: Mistral's chat and code models in LlamaIndex."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, TypeVar, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    LLMMetadata,
    MessageRole,
)
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
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher
from pydantic import BaseModel, Field

from llamaindex_portkey_mistral.calls import Call, chat_call, fim_call
from llamaindex_portkey_mistral.guarding import guarded
from llamaindex_portkey_mistral.metadata import can, metadata_of
from llamaindex_portkey_mistral.rebuilding import Rebuildable
from llamaindex_portkey_mistral.responses import from_response, text_response, to_completion
from llamaindex_portkey_mistral.streaming import (
    Unfolding,
    as_completions,
    as_completions_async,
    unfold,
    unfold_async,
)
from llamaindex_portkey_mistral.structured import (
    Form,
    Growing,
    as_function,
    as_schema,
    whole,
)
from llamaindex_portkey_mistral.tools import selections, wire_tool, wire_tool_choice
from portkey_mistral import ConnectionSettings, GenerationSettings
from portkey_mistral.requests import CallOptions, ChatRequest
from portkey_mistral.settings import MODEL_CONFIG, BodyExtras
from portkey_mistral.signatures import with_signature

__all__ = ["PortkeyMistral"]

_F = TypeVar("_F", bound=Callable[..., Any])
_Model = TypeVar("_Model", bound=BaseModel)

_dispatcher = get_dispatcher(__name__)


# Core's decorators say nothing of what they decorate; through these the signatures stay.


def _chat_event(method: _F) -> _F:
    return cast("_F", with_signature(llm_chat_callback()(method)))


def _completion_event(method: _F) -> _F:
    return cast("_F", with_signature(llm_completion_callback()(method)))


@guarded(
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
class PortkeyMistral(ConnectionSettings, GenerationSettings, Rebuildable, FunctionCallingLLM):
    """A Mistral model, reached directly, through a Portkey gateway, or in the built-in sandbox.

    Takes the connection fields of `ConnectionSettings`, the model fields of `GenerationSettings` and those
    that every LlamaIndex LLM has (`system_prompt`, `callback_manager`, `output_parser`, ...). Every method
    takes model fields for one call, and besides them `portkey_config`, `trace_id`, `portkey_metadata`,
    `cache_namespace`, `cache_force_refresh`, `forward_headers`, `headers` and `timeout`.

    Answers carry the server's body in `raw` and, in `additional_kwargs`, the finish reason, token counts
    and `call_info`: which way the call went and every attempt on it.

    Raises:
        ConfigurationError: on construction, for arguments that are unknown or contradict each other.
        InvalidRequestError: on a call, for what cannot succeed; nothing was sent.
        APIError: on a call, for everything that went wrong on the way or at the server.

    Example:
        >>> from llamaindex_portkey_mistral import PortkeyMistral
        >>> llm = PortkeyMistral(model="mistral-small-latest", base_url="sandbox:")
        >>> str(llm.complete("Say hello.")) != ""
        True
    """

    model_config = MODEL_CONFIG

    additional_kwargs: BodyExtras = Field(
        default_factory=dict,
        description="Fields of a chat request that this version does not know, sent as they are.",
    )
    context_window: int | None = Field(
        default=None,
        gt=0,
        description="Tokens; overrides the catalog, for models it does not know.",
    )
    is_function_calling_model: bool | None = Field(
        default=None,
        description="Overrides the catalog. Unknown models are taken to call functions.",
    )

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistral"

    @property
    def metadata(self) -> LLMMetadata:
        """Window and abilities, from the catalog; an unknown model gets permissive defaults."""
        return metadata_of(
            self.model,
            max_tokens=self.max_tokens,
            context_window=self.context_window,
            is_function_calling_model=self.is_function_calling_model,
        )

    def to_payload(self) -> dict[str, Any]:
        """What events and callbacks may know: the model and the way, never a key."""
        return {
            "class_name": self.class_name(),
            **vars(self.metadata),
            "temperature": self.temperature,
            "way": self.way,
            "endpoint": self.gateway_url or self.base_url,
            "provider": self.provider,
        }

    # --- chat and complete -----------------------------------------------------------------------

    @_chat_event
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return self._chat(self._call(messages, kwargs))

    @_chat_event
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        return await self._achat(self._call(messages, kwargs))

    @_chat_event
    def stream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> Generator[ChatResponse, None, None]:
        return self._stream(self._call(messages, kwargs))

    @_chat_event
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: Any
    ) -> AsyncGenerator[ChatResponse, None]:
        return self._astream(self._call(messages, kwargs))

    # These go to the private methods: through the decorated ones every call would count twice.

    @_completion_event
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return to_completion(self._chat(self._prompt_call(prompt, formatted, kwargs)))

    @_completion_event
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> CompletionResponse:
        return to_completion(await self._achat(self._prompt_call(prompt, formatted, kwargs)))

    @_completion_event
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        return as_completions(self._stream(self._prompt_call(prompt, formatted, kwargs)))

    @_completion_event
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        return as_completions_async(self._astream(self._prompt_call(prompt, formatted, kwargs)))

    # --- fill in the middle ----------------------------------------------------------------------

    @_completion_event
    def fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> CompletionResponse:
        """Write the code between `prompt` and `suffix`.

        Needs a model with the ability, such as `codestral-latest`; another is refused before sending. Of
        the model fields it takes temperature, top_p, max_tokens, min_tokens, stop and random_seed.
        """
        call = fim_call(self, prompt, suffix, kwargs)
        return text_response(self.client.fim(call.request, call.options))

    @_completion_event
    async def afill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> CompletionResponse:
        """Write the code between `prompt` and `suffix`; see `fill_in_middle`."""
        call = fim_call(self, prompt, suffix, kwargs)
        return text_response(await self.client.afim(call.request, call.options))

    @_completion_event
    def stream_fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> Generator[CompletionResponse, None, None]:
        """Write the code between `prompt` and `suffix` as it comes; see `fill_in_middle`."""
        return as_completions(self._stream(fim_call(self, prompt, suffix, kwargs)))

    @_completion_event
    async def astream_fill_in_middle(
        self, prompt: str, suffix: str | None = None, **kwargs: Any
    ) -> AsyncGenerator[CompletionResponse, None]:
        """Write the code between `prompt` and `suffix` as it comes; see `fill_in_middle`."""
        return as_completions_async(self._astream(fim_call(self, prompt, suffix, kwargs)))

    # --- tools -----------------------------------------------------------------------------------

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
        """Say what core's `*_chat_with_tools` have to pass to `chat`. The history is not changed."""
        messages = [*(chat_history or ()), *_as_messages(user_msg)]
        if not tools:
            return {"messages": messages, **kwargs}
        choice = wire_tool_choice(tool_choice, required=tool_required)
        return {
            "messages": messages,
            "tools": [wire_tool(tool) for tool in tools],
            **({} if choice is None else {"tool_choice": choice}),
            **({} if allow_parallel_tool_calls else {"parallel_tool_calls": False}),
            **kwargs,
        }

    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """Read the tool calls of an answer or of an item of a stream.

        Raises:
            ValueError: there are none and `error_on_no_tool_call` is set; it tells what came instead.
        """
        found = selections(response)
        if not found and error_on_no_tool_call:
            raise ValueError(
                f"Expected at least one tool call, but the model answered: {response.message.content!r}"
            )
        return found

    # --- structured output -----------------------------------------------------------------------

    def structured_predict(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> _Model:
        """Answer a prompt with an instance of a pydantic class.

        The class goes along as a JSON Schema where the model and the way there take one, else as a
        function to call. `pydantic_program_mode` forces one of core's ways.

        Raises:
            TruncatedOutputError: the answer broke off, mostly at `max_tokens`.
            RefusedOutputError: the model answered in words.
            StructuredOutputError: the answer does not fit the class.
        """
        form = self._form(output_cls, llm_kwargs)
        if form is None:
            found: _Model = super().structured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return found
        _dispatcher.event(_start(output_cls, prompt, prompt_args))
        messages = self._filled(prompt, prompt_args)
        result = whole(self.chat(messages, **form.call_arguments(llm_kwargs)), output_cls, form)
        _dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    async def astructured_predict(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> _Model:
        """Answer a prompt with an instance of a pydantic class; see `structured_predict`."""
        form = self._form(output_cls, llm_kwargs)
        if form is None:
            found: _Model = await super().astructured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return found
        _dispatcher.event(_start(output_cls, prompt, prompt_args))
        messages = self._filled(prompt, prompt_args)
        answer = await self.achat(messages, **form.call_arguments(llm_kwargs))
        result = whole(answer, output_cls, form)
        _dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return result

    # Core's stream_structured_predict and its twin call these two.

    def _structured_stream_call(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None, None]:
        form = self._form(output_cls, llm_kwargs)
        if form is None:
            yield from super()._structured_stream_call(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return
        messages = self._filled(prompt, prompt_args)
        growing = Growing(output_cls, form)
        item = ChatResponse(message=ChatMessage())
        with closing(self.stream_chat(messages, **form.call_arguments(llm_kwargs))) as items:
            for item in items:
                if (so_far := growing.read(item.message)) is not None:
                    yield so_far
        if (result := growing.end(item)) is not None:
            yield result

    async def _structured_astream_call(
        self,
        output_cls: type[_Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None]:
        form = self._form(output_cls, llm_kwargs)
        if form is None:
            return await super()._structured_astream_call(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
        messages = self._filled(prompt, prompt_args)
        items = await self.astream_chat(messages, **form.call_arguments(llm_kwargs))
        return _grow(items, output_cls, form)

    def _filled(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def _form(
        self, output_cls: type[BaseModel], llm_kwargs: Mapping[str, Any] | None
    ) -> Form | None:
        """Choose how to ask for a class; None leaves it to core's program of that mode."""
        model = (llm_kwargs or {}).get("model") or self.model
        options = CallOptions(portkey_config=(llm_kwargs or {}).get("portkey_config"))
        takes_schema = can(model, "json") and self.client.keeps_response_format(model, options)
        calls_tools = self.metadata.is_function_calling_model
        match self.pydantic_program_mode:
            case PydanticProgramMode.DEFAULT if takes_schema:
                return as_schema(output_cls)
            case PydanticProgramMode.DEFAULT | PydanticProgramMode.FUNCTION if calls_tools:
                return as_function(output_cls)
            case _:
                return None

    # --- the core's calls, without events ----------------------------------------------------------

    def _call(
        self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]
    ) -> Call[ChatRequest]:
        return chat_call(self, messages, kwargs, extra=self.additional_kwargs)

    def _prompt_call(
        self, prompt: str, formatted: bool, kwargs: Mapping[str, Any]
    ) -> Call[ChatRequest]:
        prepare = None if formatted else self.completion_to_prompt
        text = prepare(prompt) if prepare else prompt
        return self._call(_as_messages(text), kwargs)

    def _chat(self, call: Call[ChatRequest]) -> ChatResponse:
        answer = self.client.chat(call.request, call.options)
        return from_response(answer, call.names, single=call.single)

    async def _achat(self, call: Call[ChatRequest]) -> ChatResponse:
        answer = await self.client.achat(call.request, call.options)
        return from_response(answer, call.names, single=call.single)

    def _stream(self, call: Call[Any]) -> Generator[ChatResponse, None, None]:
        deltas = self.client.stream(call.request, call.options)
        return unfold(deltas, Unfolding(call.names, single=call.single))

    def _astream(self, call: Call[Any]) -> AsyncGenerator[ChatResponse, None]:
        deltas = self.client.astream(call.request, call.options)
        return unfold_async(deltas, Unfolding(call.names, single=call.single))


def _as_messages(said: str | ChatMessage | None) -> list[ChatMessage]:
    match said:
        case None:
            return []
        case str():
            return [ChatMessage(role=MessageRole.USER, content=said)]
        case _:
            return [said]


def _start(
    output_cls: type[BaseModel], prompt: PromptTemplate, prompt_args: dict[str, Any]
) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(
        output_cls=output_cls, template=prompt, template_args=prompt_args
    )


async def _grow(
    items: AsyncGenerator[ChatResponse, None], output_cls: type[_Model], form: Form
) -> AsyncGenerator[_Model | list[_Model] | FlexibleModel | list[FlexibleModel], None]:
    growing = Growing(output_cls, form)
    item = ChatResponse(message=ChatMessage())
    async for item in items:
        if (so_far := growing.read(item.message)) is not None:
            yield so_far
    if (result := growing.end(item)) is not None:
        yield result

"""`ChatPortkeyMistral`, the chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import ConfigurableField, Runnable
from langchain_core.runnables.utils import AnyConfigurableField
from pydantic import model_validator

from langchain_portkey_mistral._arguments import (
    model_arguments,
    to_call_options,
    to_chat_request,
    to_stream_request,
)
from langchain_portkey_mistral._bindings import BoundChatModel
from langchain_portkey_mistral._chunks import ChunkBuilder, to_generation_chunk
from langchain_portkey_mistral._events import Event, EventBuilder
from langchain_portkey_mistral._language_model import PortkeyMistralLanguageModel
from langchain_portkey_mistral._metadata import (
    PROVIDER,
    TRACED_FIELDS,
    langsmith_params,
    sum_token_usage,
)
from langchain_portkey_mistral._profiles import CatalogProfile, catalog_profile
from langchain_portkey_mistral._redaction import cache_key_arguments, redact_arguments
from langchain_portkey_mistral._schemas import Method, Schema
from langchain_portkey_mistral._to_langchain import to_chat_result
from langchain_portkey_mistral._token_counts import count_message_tokens
from langchain_portkey_mistral._tools import ToolLike, bound_tools, to_tool_dicts
from langchain_portkey_mistral._with_structured_output import StructuresOutput
from langchain_portkey_mistral.batch_jobs import ChatBatchJob, abatch_job, batch_job
from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.adapter_support import keep_signature
from portkey_mistral.config import Config
from portkey_mistral.requests import CallOptions
from portkey_mistral.settings.connection import MODEL_CONFIG
from portkey_mistral.settings.generation import GENERATION_FIELDS, GenerationSettings

if TYPE_CHECKING:
    from langchain_portkey_mistral._configurable import ConfigurableChat

__all__ = ["ChatPortkeyMistral"]


class ChatPortkeyMistral(
    PortkeyMistralLanguageModel, StructuresOutput, GenerationSettings, BaseChatModel
):
    """Mistral chat models: directly, through a Portkey gateway, or on the offline sandbox.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"       # for direct calls
        # or: export PORTKEY_API_KEY="your-key" # for calls through Portkey
        ```

        `base_url="sandbox:"` needs no key: an embedded stand-in for the Mistral API answers offline.

    Key init args (completion params):
        model: Model id or alias, "mistral-small-latest" by default; with Portkey also `@slug/model`.
        temperature: Sampling temperature, 0 to 1.5.
        max_tokens: Maximum number of tokens to generate.
        stop: Stop sequences.
        random_seed: Seed for reproducible sampling.
        reasoning_effort: Reasoning effort, for models that reason.
        response_format, parallel_tool_calls, n, logprobs, prediction, ...: See the fields.
        model_kwargs: Parameters to add to the request body that have no field here.

    Key init args (client params):
        api_key: Mistral API key; defaults to the environment variable MISTRAL_API_KEY.
        base_url: URL of a Mistral-compatible API, or "sandbox:".
        portkey_api_key, gateway_url, provider, virtual_key: For calls through a Portkey gateway.
        portkey_config: Portkey config with retries, fallbacks or load balancing. For direct calls it runs
            in this process.
        timeout: Timeout of one attempt in seconds; also `httpx.Timeout`, or None for no timeout.
        max_retries: Number of retries after 408, 429 and 5xx; 2 by default.
        max_concurrency: Maximum number of requests in flight.

    Arguments are validated at construction; for an unknown one, the error names the closest that exists.
    Completion params can also be passed to one call (`invoke(..., temperature=0)`) or bound (`bind(...)`),
    and so can `portkey_config`, `trace_id`, `portkey_metadata` and `timeout`.

    Instantiate:
        ```python
        from langchain_portkey_mistral import ChatPortkeyMistral

        model = ChatPortkeyMistral(model="mistral-small-latest", temperature=0)
        ```

    Invoke:
        ```python
        message = model.invoke(
            [("system", "Translate to French."), ("human", "I love programming.")]
        )
        print(message.text)
        ```

        A last `AIMessage` that you wrote, or that was cut off, is a prefix, which the model continues. One that a model
        has finished, or any if an AI message has a `name` or the call wants a schema or a certain tool, is followed by
        a new answer. `additional_kwargs={"prefix": True}` or `False` decides it.

    Stream:
        ```python
        for chunk in model.stream("Count to five."):
            print(chunk.text, end="")

        first, *rest = model.stream("Count to five.")
        message = first + rest
        assert message.usage_metadata["total_tokens"] > 0
        ```

        A stream that is interrupted raises `StreamInterruptedError`, which carries the partial answer.

    Async:
        ```python
        import asyncio


        async def main() -> None:
            await model.ainvoke("Hello!")
            async for chunk in model.astream("Hello!"):
                print(chunk.text, end="")
            await model.abatch(["Hello!", "Hi!"])


        asyncio.run(main())
        ```

    Tool calling:
        ```python
        from pydantic import BaseModel, Field


        class GetWeather(BaseModel):
            \"\"\"Get the weather in a city.\"\"\"

            city: str = Field(description="For example Paris.")


        message = model.bind_tools([GetWeather]).invoke("What is the weather in Paris and Rome?")
        assert [call["args"] for call in message.tool_calls] == [{"city": "Paris"}, {"city": "Rome"}]
        ```

    Structured output:
        ```python
        class Joke(BaseModel):
            \"\"\"A joke in two parts.\"\"\"

            setup: str
            punchline: str


        joke = model.with_structured_output(Joke).invoke("Tell me a joke about cats.")
        assert isinstance(joke, Joke)
        ```

        An answer that was truncated at `max_tokens` raises `TruncatedAnswerError`; truncated JSON is never
        completed.

    JSON mode:
        ```python
        json_model = model.bind(response_format={"type": "json_object"})
        message = json_model.invoke(
            "Return a JSON object with the key 'numbers' and three numbers."
        )
        ```

    Image input:
        ```python
        image = {"type": "image", "url": "https://example.org/cat.png"}
        message = model.invoke([("human", [{"type": "text", "text": "Describe this."}, image])])
        ```

        PDF documents (`{"type": "file", ...}`) and audio (`{"type": "audio", ...}`) are passed likewise, by
        URL or as base64 data, in the block formats of LangChain, OpenAI or Anthropic.

    Token usage:
        ```python
        message = model.invoke("Hello!")
        assert {"input_tokens", "output_tokens", "total_tokens"} <= message.usage_metadata.keys()
        ```

    Response metadata:
        ```python
        metadata = message.response_metadata
        print(metadata["model_name"], metadata["finish_reason"], metadata["request_id"])
        print(metadata["mode"], metadata["attempts"])  # how it was called, and every attempt
        ```

    Raises:
        ConfigurationError: at construction, for an argument that is invalid, unknown or out of place.
        ModelError: from a call. Every error is of LangChain's class and of the core's at once (see
            `langchain_portkey_mistral.errors`), and lists the attempts that were made.
    """

    model_config = MODEL_CONFIG

    # None rather than False: LangChain disables streaming when this field is set to False, and objects rebuilt
    # from all their fields (unpickling, `configurable_fields`) set every field.
    streaming: bool | None = None
    """True also streams inside `invoke`; False disables streaming; None leaves it to the caller."""

    @model_validator(mode="before")
    @classmethod
    def _discard_catalog_profile(cls, values: Any) -> Any:
        # An object rebuilt from its fields may have another model.
        if isinstance(values, dict) and isinstance(values.get("profile"), CatalogProfile):
            return values | {"profile": None}
        return values

    @model_validator(mode="after")
    def _check_model_kwargs(self) -> Self:
        for name in self.model_kwargs:
            if name in GENERATION_FIELDS:
                raise ValueError(f"{name!r} is a field: pass {name}=... instead of model_kwargs.")
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "model" and isinstance(self.profile, CatalogProfile | None):
            self.profile = self._resolve_model_profile()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy; see pydantic's `model_copy`. One with another model has that model's profile."""
        copy = super().model_copy(update=update, deep=deep)
        if update and "model" in update and "profile" not in update:
            copy.model = update["model"]
        return copy

    # --- identification: caches, traces, profile

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        if kwargs:
            kwargs = redact_arguments(kwargs)
        return super()._get_invocation_params(stop=stop, **kwargs)

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        # LangChain's own adds the arguments unredacted.
        parameters = self._get_invocation_params(stop=stop, **cache_key_arguments(kwargs))
        return str(sorted(parameters.items()))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        parameters = self.generation_fields(model_arguments(kwargs), TRACED_FIELDS)
        return langsmith_params(parameters, stop, "chat")

    def _resolve_model_profile(self) -> ModelProfile | None:
        return self.profile_of(self.model, self.parsed_config)

    def profile_of(self, model: str, config: Config | None) -> ModelProfile | None:
        """Return the profile of the models that a call with this model and this config reaches."""
        # The model's own config has been checked, and each check repeats its warnings.
        options = None if config is self.parsed_config else CallOptions(portkey_config=config)
        return catalog_profile(
            (model,) if config is None else config.chat_models(model),
            keeps_response_format=self.client.keeps_response_format(model, options),
        )

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return sum_token_usage(llm_outputs)

    # --- calls

    @keep_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            request, tool_names = to_chat_request(self, messages, stop, kwargs)
            response = self.client.chat(request, to_call_options(kwargs))
            return to_chat_result(response, tool_names)

    @keep_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            request, tool_names = to_chat_request(self, messages, stop, kwargs)
            response = await self.client.achat(request, to_call_options(kwargs))
            return to_chat_result(response, tool_names)

    # LangChain reports each chunk to the callbacks itself, so `run_manager` is not used here.
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with langchain_errors():
            request, tool_names = to_stream_request(self, messages, stop, kwargs)
            chunks = ChunkBuilder(tool_names)
            with self.client.stream(request, to_call_options(kwargs)) as stream:
                while deltas := stream.read():
                    for delta in deltas:
                        if (chunk := chunks.add(delta)) is not None:
                            yield to_generation_chunk(chunk)
                yield to_generation_chunk(chunks.finish(stream.info))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with langchain_errors():
            request, tool_names = to_stream_request(self, messages, stop, kwargs)
            chunks = ChunkBuilder(tool_names)
            async with self.client.astream(request, to_call_options(kwargs)) as stream:
                while deltas := await stream.read():
                    for delta in deltas:
                        if (chunk := chunks.add(delta)) is not None:
                            yield to_generation_chunk(chunk)
                yield to_generation_chunk(chunks.finish(stream.info))

    # LangChain looks these two up by name, for `stream_events(version="v3")`.
    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Event]:
        with langchain_errors():
            request, tool_names = to_stream_request(self, messages, stop, kwargs)
            events = EventBuilder(tool_names)
            with self.client.stream(request, to_call_options(kwargs)) as stream:
                yield events.start(run_manager.run_id if run_manager else None)
                for delta in stream:
                    yield from events.add(delta)
                yield from events.finish(stream.info)

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Event]:
        with langchain_errors():
            request, tool_names = to_stream_request(self, messages, stop, kwargs)
            events = EventBuilder(tool_names)
            async with self.client.astream(request, to_call_options(kwargs)) as stream:
                yield events.start(run_manager.run_id if run_manager else None)
                async for delta in stream:
                    for event in events.add(delta):
                        yield event
                for event in events.finish(stream.info):
                    yield event

    # --- batch jobs

    def batch_job(self, inputs: Iterable[LanguageModelInput], **arguments: Any) -> ChatBatchJob:
        """Send inputs as a batch, at half the price; see `langchain_portkey_mistral.batch_job`, which takes chains too."""
        return batch_job(self, inputs, **arguments)

    async def abatch_job(
        self, inputs: Iterable[LanguageModelInput], **arguments: Any
    ) -> ChatBatchJob:
        """The async version of `batch_job`."""
        return await abatch_job(self, inputs, **arguments)

    # --- bindings

    def _binding(self, kwargs: Mapping[str, Any]) -> BoundChatModel:
        return BoundChatModel(bound=self, kwargs=kwargs, config={})

    if TYPE_CHECKING:

        def bind(self, **kwargs: Any) -> BoundChatModel: ...
        def configurable_fields(self, **kwargs: AnyConfigurableField) -> ConfigurableChat: ...
    else:
        # LangChain resolves the hints of methods at run time, where `_configurable` is not imported yet.
        def configurable_fields(self, **kwargs: AnyConfigurableField) -> Any:
            """Make fields configurable at run time; see LangChain's `configurable_fields`.

            What is bound to the result afterwards, tools or a schema, keeps them configurable.
            """
            from langchain_portkey_mistral._configurable import ConfigurableChat

            configurable = super().configurable_fields(**kwargs)
            return ConfigurableChat(default=self, fields=configurable.fields)

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Let the config of a run choose another model; see LangChain's `configurable_alternatives`.

        What is bound to the result afterwards, tools or a schema, is bound to each model.
        """
        from langchain_portkey_mistral._alternatives import with_alternatives

        return with_alternatives(
            self, which, default_key=default_key, prefix_keys=prefix_keys, alternatives=kwargs
        )

    # --- tools and structured output

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Mapping[str, Any] | type | None = None,
        **kwargs: Any,
    ) -> BoundChatModel:
        """Return the model with tools bound to it.

        Args:
            tools: Functions, LangChain tools, pydantic classes, TypedDicts, JSON Schemas with a title, tools in
                the format of OpenAI, Anthropic or Bedrock, and Mistral's built-in tools.
            tool_choice: "auto", "none", "any" or "required", the name of a tool, True for any tool, or a
                mapping that names a function. None lets the model decide.
            strict: True makes the arguments follow the schema strictly; None uses Mistral's default (False).
            parallel_tool_calls: False limits an answer to one tool call.
            response_format: Format of an answer that calls no tool: as in the API, or a pydantic class or TypedDict.
                A JSON Schema is strict unless it says `"strict": False`, as in `with_structured_output`.
            kwargs: Further arguments to bind; see the class.

        Raises:
            InvalidRequestError: `tool_choice` names no tool.
        """
        with langchain_errors():
            arguments = bound_tools(
                tools,
                tool_choice=tool_choice,
                strict=strict,
                parallel_tool_calls=parallel_tool_calls,
                response_format=response_format,
            )
        return self.bind(**arguments, **kwargs)

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
        from langchain_portkey_mistral._structured_output import structured_output

        with langchain_errors():
            return structured_output(
                self,
                schema,
                method=method,
                include_raw=include_raw,
                strict=strict,
                tools=tools,
                arguments=arguments,
            )

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Count the tokens of messages and tools offline; see `get_num_tokens`.

        Images, documents and audio are estimates: an image counts as the largest that Mistral bills, a document by its
        pages or size, audio by its length or size; what is given by URL as ten pages, or five minutes.
        """
        return count_message_tokens(messages, to_tool_dicts(tools or ()), self.get_num_tokens)

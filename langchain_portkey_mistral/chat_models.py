"""`ChatPortkeyMistral`: LangChain's face of a chat. The mapping lies in the modules beside this one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, Field, model_validator

from langchain_portkey_mistral.call_arguments import MODEL_ARGUMENTS, chat_request, to_options
from langchain_portkey_mistral.callbacks import aunheard, unheard
from langchain_portkey_mistral.errors import langchain_errors
from langchain_portkey_mistral.events import Event, EventWriter
from langchain_portkey_mistral.identity import identity, of_the_answer, traceable
from langchain_portkey_mistral.langchains_loop import message_id
from langchain_portkey_mistral.message_chunks import as_generation
from langchain_portkey_mistral.messages_out import to_chat_result
from langchain_portkey_mistral.metadata import PROVIDER, add_token_usage, known
from langchain_portkey_mistral.profiles import LookedUpProfile, profile_of
from langchain_portkey_mistral.schemas import Method, Schema
from langchain_portkey_mistral.streaming import ChunkWriter
from langchain_portkey_mistral.token_counts import count_message_tokens, token_ids
from langchain_portkey_mistral.tools import ToolLike, tool_choice_value, tool_dicts
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.generation import GENERATION_FIELDS, GenerationSettings
from portkey_mistral.requests import ChatRequest
from portkey_mistral.settings import MODEL_CONFIG, BodyExtras, ConnectionSettings
from portkey_mistral.signatures import with_signature
from portkey_mistral.tokens import count_tokens

__all__ = ["ChatPortkeyMistral"]


class ChatPortkeyMistral(ConnectionSettings, GenerationSettings, BaseChatModel):
    """A Mistral chat model, straight from Mistral, through a Portkey gateway, or on the sandbox.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"       # straight to Mistral
        # or: export PORTKEY_API_KEY="your-key" # through Portkey
        ```

        Without a key, `base_url="sandbox:"` answers offline, from an embedded stand-in.

    Key init args (completion params):
        model: Id or alias, "mistral-small-latest" by default; `@slug/model` with Portkey.
        temperature: Randomness, 0 to 1.5.
        max_tokens: Most tokens to generate.
        stop: Texts that end the answer.
        random_seed: Seed for answers that can be repeated.
        reasoning_effort: How long to think, where the model does.
        response_format, parallel_tool_calls, n, logprobs, prediction, ...: Mistral's own, see the fields.
        model_kwargs: Members of the request's body that have no field here.

    Key init args (client params):
        api_key: Mistral key; else MISTRAL_API_KEY.
        base_url: Mistral-compatible endpoint, or "sandbox:".
        portkey_api_key, gateway_url, provider, virtual_key: The way through a Portkey gateway.
        portkey_config: Portkey config: retries, fallbacks, load balancing; straight to Mistral it runs here.
        timeout: Seconds for one attempt; `httpx.Timeout` and None too.
        max_retries: Extra sends on 408, 429 and 5xx, 2 by default.
        max_concurrency: Most requests in flight.

    All of them, and every field of LangChain's chat models, are checked at construction; an unknown name is
    an error that names the nearest. Every completion param can also be said for one call
    (`invoke(..., temperature=0)`) or bound (`bind(...)`), and so can `portkey_config`, `trace_id`,
    `portkey_metadata` and `timeout`.

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

    Stream:
        ```python
        for chunk in model.stream("Count to five."):
            print(chunk.text, end="")

        first, *rest = model.stream("Count to five.")
        whole = first + rest
        assert whole.usage_metadata["total_tokens"] > 0
        ```

        A stream that breaks off raises `StreamInterruptedError` with what had come; it never looks
        finished.

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

        An answer that was cut off at `max_tokens` raises `TruncatedAnswerError`; it is never completed by
        guessing.

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

        PDFs (`{"type": "file", ...}`) and sound (`{"type": "audio", ...}`) go the same way, by URL or in
        base64, in the block forms of LangChain, OpenAI and Anthropic.

    Token usage:
        ```python
        message = model.invoke("Hello!")
        assert {"input_tokens", "output_tokens", "total_tokens"} <= message.usage_metadata.keys()
        ```

    Response metadata:
        ```python
        metadata = message.response_metadata
        print(metadata["model_name"], metadata["finish_reason"], metadata["request_id"])
        print(metadata["way"], metadata["attempts"])  # how the call went, and what was tried
        ```

    Raises:
        ConfigurationError: at construction, for a field that is wrong, unknown or out of place.
        ModelError: from a call. Each error is LangChain's and the core's at once
            (`langchain_portkey_mistral.errors`), with the attempts that were made.
    """

    model_config = MODEL_CONFIG

    # None, not False: an object rebuilt from all its fields says False too, and False never streams.
    streaming: bool | None = Field(
        default=None,
        description="True streams inside `invoke` too; False never streams; None leaves it to the caller.",
    )
    model_kwargs: BodyExtras = Field(
        default_factory=dict, description="Members of the request's body that have no field here."
    )

    @model_validator(mode="before")
    @classmethod
    def _look_up_the_profile_anew(cls, values: Any) -> Any:
        # An object built anew from its fields may have another model.
        if isinstance(values, dict) and isinstance(values.get("profile"), LookedUpProfile):
            return values | {"profile": None}
        return values

    @model_validator(mode="after")
    def _keep_fields_out_of_model_kwargs(self) -> Self:
        for name in self.model_kwargs:
            if name in GENERATION_FIELDS:
                raise ValueError(f"{name!r} is a field: pass {name}=... instead of model_kwargs.")
        return self

    @model_validator(mode="after")
    def _set_portkey_mistral_version(self) -> Self:
        from langchain_portkey_mistral._version import DISTRIBUTION, __version__

        self._add_version(DISTRIBUTION, __version__)
        return self

    # --- what LangChain asks about the object ---

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        fields = self.generation_fields({})
        # LangChain writes the call's own `stop` over this name, and two objects would share a cache entry.
        if stop := fields.pop("stop", None):
            fields["stop_sequences"] = stop
        if self.model_kwargs:
            fields["model_kwargs"] = self.model_kwargs
        return fields | identity(self)

    def _get_invocation_params(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        with langchain_errors():
            said = traceable(kwargs)
            if type(self).dict is not BaseChatModel.dict:  # a subclass has its own
                return super()._get_invocation_params(stop=stop, **said)
            # What the base makes, without the warning that it raises and suppresses on the way (10 us).
            return {**self.asdict(), "stop": stop, **said}

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        # The base puts the arguments in as they came, and with them the keys of a config.
        facts = self._get_invocation_params(stop=stop, **of_the_answer(kwargs))
        return str(sorted(facts.items()))

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        said = {name: value for name, value in kwargs.items() if name in MODEL_ARGUMENTS}
        with langchain_errors():
            fields = self.generation_fields(said)
        own_stop = fields.get("stop")
        facts = known(
            ls_provider=PROVIDER,
            ls_model_type="chat",
            ls_model_name=fields["model"],
            ls_temperature=fields.get("temperature"),
            ls_max_tokens=fields.get("max_tokens"),
            ls_stop=stop or ([own_stop] if isinstance(own_stop, str) else own_stop),
        )
        return cast("LangSmithParams", facts)

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile_of(self.model, native_json=self.client.keeps_response_format(self.model))

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None], /) -> dict[str, Any]:
        return add_token_usage(llm_outputs)

    # --- calls ---

    @with_signature
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            request, names = self._request(messages, stop, kwargs)
            return to_chat_result(self.client.chat(request, to_options(kwargs)), names)

    @with_signature
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            request, names = self._request(messages, stop, kwargs)
            return to_chat_result(await self.client.achat(request, to_options(kwargs)), names)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Give the answer as it comes; see LangChain's `BaseChatModel.stream`."""
        messages = self._streamable(input, kwargs, async_api=False)
        if messages is None or (own_id := unheard(self, config)) is None:
            yield from super().stream(input, config, stop=stop, **kwargs)
            return
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = ChunkWriter(names, own_id)
            with self.client.stream(request, to_options(kwargs)) as stream:
                while deltas := stream.read():
                    yield from filter(None, map(writer.chunk, deltas))
                yield writer.last(stream.info)

    # No generator but LangChain's is in it: at the end of a loop asyncio closes all at once, and complains of an
    # inner one that its outer is closing.
    async def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Give the answer as it comes; see LangChain's `BaseChatModel.astream`."""
        messages = self._streamable(input, kwargs, async_api=True)
        if messages is None or (own_id := await aunheard(self, config)) is None:
            async for chunk in super().astream(input, config, stop=stop, **kwargs):
                yield chunk
            return
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = ChunkWriter(names, own_id)
            async with self.client.astream(request, to_options(kwargs)) as stream:
                while deltas := await stream.read():
                    for chunk in filter(None, map(writer.chunk, deltas)):
                        yield chunk
                yield writer.last(stream.info)

    def _streamable(
        self, input: LanguageModelInput, arguments: Mapping[str, Any], *, async_api: bool
    ) -> list[BaseMessage] | None:
        """Return what to stream if it is this class that streams it, and as it stands."""
        # A subclass, a mixin or an observer may have others, which go through LangChain's loop.
        ways = (self._stream, self._astream, super().stream, super().astream)
        ours = (*self._OWN, BaseChatModel.stream, BaseChatModel.astream)
        asked: dict[str, Any] = {**arguments, "stream": True}
        if tuple(getattr(way, "__func__", None) for way in ways) != ours or not (
            self._should_stream(async_api=async_api, **asked)
        ):
            return None
        messages = self._convert_input(input).to_messages()
        # LangChain rewrites blocks of older forms.
        plain = all(isinstance(message.content, str) for message in messages)
        return messages if plain else None

    # LangChain's core tells the callbacks of each chunk by itself, so `run_manager` is not used here.
    @with_signature
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = ChunkWriter(names)
            with self.client.stream(request, to_options(kwargs)) as stream:
                while deltas := stream.read():
                    for chunk in filter(None, map(writer.chunk, deltas)):
                        yield as_generation(chunk)
                yield as_generation(writer.last(stream.info))

    @with_signature
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = ChunkWriter(names)
            async with self.client.astream(request, to_options(kwargs)) as stream:
                while deltas := await stream.read():
                    for chunk in filter(None, map(writer.chunk, deltas)):
                        yield as_generation(chunk)
                yield as_generation(writer.last(stream.info))

    _OWN: ClassVar[tuple[Callable[..., Any], ...]] = (_stream, _astream)

    # LangChain's core looks these two up by name, for `stream_events(version="v3")`.
    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Event]:
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = EventWriter(names)
            with self.client.stream(request, to_options(kwargs)) as stream:
                yield writer.begin(message_id(run_manager.run_id) if run_manager else "")
                while deltas := stream.read():
                    for delta in deltas:
                        yield from writer.events(delta)
                yield from writer.end(stream.info)

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Event]:
        with langchain_errors():
            request, names = self._one_answer(messages, stop, kwargs)
            writer = EventWriter(names)
            async with self.client.astream(request, to_options(kwargs)) as stream:
                yield writer.begin(message_id(run_manager.run_id) if run_manager else "")
                while deltas := await stream.read():
                    for delta in deltas:
                        for event in writer.events(delta):
                            yield event
                for event in writer.end(stream.info):
                    yield event

    def _request(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str] | None,
        arguments: Mapping[str, Any],
    ) -> tuple[ChatRequest, Mapping[str, str]]:
        return chat_request(
            self, messages, stop=stop, model_kwargs=self.model_kwargs, arguments=arguments
        )

    def _one_answer(
        self,
        messages: Sequence[BaseMessage],
        stop: Sequence[str] | None,
        arguments: Mapping[str, Any],
    ) -> tuple[ChatRequest, Mapping[str, str]]:
        request, names = self._request(messages, stop, arguments)
        if (request.n or 1) > 1:
            raise InvalidRequestError(
                f"n={request.n} answers cannot be streamed: a stream of LangChain is one message. Use "
                "generate() without streaming, or stream with n=1."
            )
        return request, names

    # --- binding ---

    if not TYPE_CHECKING:  # the type that LangChain gives a binding is its own

        def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
            """Return the model with arguments for every call, as with any runnable.

            A `portkey_config` is read at once: it is checked, and a binding shows none of its keys, nor the
            values of headers.
            """
            from langchain_portkey_mistral.bindings import bound

            return bound(self, kwargs)

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools.

        Args:
            tools: Functions, LangChain tools, pydantic classes, TypedDicts, JSON Schemas with a title,
                tools in the form of OpenAI, Anthropic or Bedrock, and Mistral's built-in tools.
            tool_choice: "auto", "none", "any" or "required", the name of a tool, True for any, or a
                mapping that names a function. None leaves it to the model.
            strict: True holds the arguments to the schema; None leaves Mistral's default (False).
            parallel_tool_calls: False allows one call an answer.
            response_format: Also answer in this form where no tool is called.
            kwargs: Arguments of every call, see the class.

        Raises:
            InvalidRequestError: a `tool_choice` that names no tool.
        """
        with langchain_errors():
            described = tool_dicts(tools, strict=strict)
            asked = known(
                # Mistral refuses an empty list of tools.
                tools=described or None,
                tool_choice=tool_choice_value(tool_choice, described),
                parallel_tool_calls=parallel_tool_calls,
                response_format=response_format,
            )
        return self.bind(**asked, **kwargs)

    def with_structured_output(
        self,
        schema: Schema | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """Return a runnable that answers in a schema.

        Args:
            schema: A pydantic class (the answers are its instances), a TypedDict, a JSON Schema, or a tool
                (the answers are dicts). None only with "json_mode".
            method: "json_schema", "function_calling" or "json_mode" (the prompt has to ask for JSON
                itself). None takes JSON Schema, but function calling where the model cannot do it or the
                gateway's lane would lose it.
            include_raw: Answer `{"raw": message, "parsed": value, "parsing_error": error}` and do not
                raise when parsing fails.
            strict: Hold the answer to the schema. None means True for "json_schema", and Mistral's
                default (False) for "function_calling".
            tools: With "json_schema": tools that the model may call instead; parsed is None then.
            kwargs: Arguments of every call, see the class.

        Raises:
            InvalidRequestError: an unknown method, or arguments that do not go together.
        """
        from langchain_portkey_mistral.structured import structured

        with langchain_errors():
            return structured(
                self,
                schema,
                method=method,
                include_raw=include_raw,
                strict=strict,
                tools=tools,
                arguments=kwargs,
            )

    # --- counting ---

    def get_num_tokens(self, text: str) -> int:
        """Count a text's tokens offline: exact with `mistral-common` installed, else an estimate."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return count_tokens(text, self.model)

    def get_token_ids(self, text: str) -> list[int]:
        """Return the ids of a text's tokens; this needs `mistral-common` (`portkey-mistral[tokens]`)."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return token_ids(text)

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Count a conversation with its tools, offline. An image counts as the most that it can cost."""
        return count_message_tokens(messages, tool_dicts(tools or ()), self.get_num_tokens)

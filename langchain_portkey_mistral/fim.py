"""`PortkeyMistralFIM`: Codestral fills in the middle, as a LangChain language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseLLM, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from pydantic import AliasChoices, Field, model_validator

from langchain_portkey_mistral.bindings import bound
from langchain_portkey_mistral.call_arguments import refuse_unknown
from langchain_portkey_mistral.errors import langchain_errors
from langchain_portkey_mistral.identity import identity
from langchain_portkey_mistral.metadata import (
    PROVIDER,
    add_token_usage,
    call_metadata,
    known,
    token_usage,
    usage_extras,
)
from langchain_portkey_mistral.token_counts import token_ids
from portkey_mistral.requests import FIMRequest
from portkey_mistral.responses import CallInfo, ChatResponse, Delta, Usage
from portkey_mistral.settings import MODEL_CONFIG, BodyExtras, ConnectionSettings
from portkey_mistral.tokens import count_tokens
from portkey_mistral.validation import argument_names, by_field

__all__ = ["PortkeyMistralFIM"]

_SENT = (
    "suffix",
    "temperature",
    "top_p",
    "max_tokens",
    "min_tokens",
    "stop",
    "random_seed",
    "prompt_cache_key",
)
# What LangChain itself says to `generate`; two of the names are fields of the object as well.
_LANGCHAIN = ("tags", "metadata", "run_name", "run_id")


class PortkeyMistralFIM(ConnectionSettings, BaseLLM):
    """Code between a prompt and a suffix, by Codestral.

    The prompt is what stands before, `suffix` what stands after. LangChain's cache looks at the object and
    the prompt only, so arguments of one call (`invoke(prompt, suffix=...)`) run on a copy of the object
    that has them as fields.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"
        ```

    Key init args (completion params):
        model: "codestral-latest" by default.
        suffix, temperature, max_tokens, min_tokens, stop, random_seed: as Mistral has them.

    Key init args (client params):
        api_key, base_url, portkey_api_key, gateway_url, portkey_config, timeout, max_retries,
        max_concurrency: as for `ChatPortkeyMistral`.

    Instantiate:
        ```python
        from langchain_portkey_mistral import PortkeyMistralFIM

        fim = PortkeyMistralFIM(temperature=0, max_tokens=32)
        ```

    Invoke:
        ```python
        code = fim.invoke("def add(a, b):", suffix="print(add(1, 2))")
        ```

    Stream:
        ```python
        for piece in fim.stream("def add(a, b):", suffix="print(add(1, 2))"):
            print(piece, end="")
        ```

    Async:
        ```python
        import asyncio

        code = asyncio.run(fim.ainvoke("def add(a, b):", suffix="print(add(1, 2))"))
        ```

    Raises:
        ConfigurationError: at construction, for a field that is wrong, unknown or out of place.
        ModelError: from a call; each error is LangChain's and the core's at once.
    """

    model_config = MODEL_CONFIG

    model: str = Field(
        default="codestral-latest",
        validation_alias=AliasChoices("model", "model_name"),
        description="Id or alias of a model that can fill in the middle.",
    )
    suffix: str | None = Field(default=None, description="What stands after the gap.")
    temperature: float | None = Field(
        default=None, ge=0, le=1.5, description="Randomness, 0 to 1.5."
    )
    top_p: float | None = Field(
        default=None, gt=0, le=1, description="Nucleus sampling. Must be 1 when temperature is 0."
    )
    max_tokens: int | None = Field(default=None, ge=0, description="Most tokens to generate.")
    min_tokens: int | None = Field(default=None, ge=0, description="Fewest tokens to generate.")
    stop: str | list[str] | None = Field(
        default=None,
        validation_alias=AliasChoices("stop", "stop_sequences"),
        description="Texts that end the code; they are not part of it.",
    )
    random_seed: int | None = Field(
        default=None,
        ge=0,
        validation_alias=AliasChoices("random_seed", "seed"),
        description="Seed for answers that can be repeated.",
    )
    prompt_cache_key: str | None = Field(
        default=None, description="Groups calls that share a prompt prefix, for Mistral's cache."
    )
    request_metadata: dict[str, Any] | None = Field(
        default=None, description="Mistral's `metadata`; the plain name belongs to LangChain."
    )
    model_kwargs: BodyExtras = Field(
        default_factory=dict, description="Members of the request's body that have no field here."
    )

    @model_validator(mode="after")
    def _set_portkey_mistral_version(self) -> Self:
        from langchain_portkey_mistral._version import DISTRIBUTION, __version__

        self._add_version(DISTRIBUTION, __version__)
        return self

    # --- what LangChain asks about the object ---

    @property
    def _llm_type(self) -> str:
        return f"{PROVIDER}-fim"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        fields = self._fields()
        # LangChain writes the call's own `stop` over this name, and two objects would share a cache entry.
        fields |= known(
            stop_sequences=fields.pop("stop", None), model_kwargs=self.model_kwargs or None
        )
        return {"model": self.model, **fields, **identity(self)}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        own = [self.stop] if isinstance(self.stop, str) else self.stop
        facts = known(
            ls_temperature=self.temperature,
            ls_max_tokens=self.max_tokens,
            ls_stop=stop or own or None,
        )
        named = {"ls_provider": PROVIDER, "ls_model_type": "llm", "ls_model_name": self.model}
        return cast("LangSmithParams", named | facts)

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

    if not TYPE_CHECKING:  # the type that LangChain gives a binding is its own

        def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, str]:
            """Return the model with arguments for every call; see `ChatPortkeyMistral.bind`."""
            return bound(self, kwargs)

    # --- the public ways in, where a call's own arguments turn into a copy ---

    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete several prompts; see LangChain's `BaseLLM.generate`."""
        own, said = _split(kwargs)
        if said:
            return self._with(said).generate(prompts, stop, callbacks, **own)
        return super().generate(prompts, stop, callbacks, **own)

    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete several prompts; see LangChain's `BaseLLM.agenerate`."""
        own, said = _split(kwargs)
        if said:
            return await self._with(said).agenerate(prompts, stop, callbacks, **own)
        return await super().agenerate(prompts, stop, callbacks, **own)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """Give the code as it comes; see LangChain's `BaseLLM.stream`."""
        if kwargs:
            return self._with(kwargs).stream(input, config, stop=stop)
        return super().stream(input, config, stop=stop)

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """Give the code as it comes; see LangChain's `BaseLLM.astream`."""
        if kwargs:
            return self._with(kwargs).astream(input, config, stop=stop)
        return super().astream(input, config, stop=stop)

    def _with(self, arguments: Mapping[str, Any]) -> Self:
        """Build the object anew with other fields, so that they are checked and the cache sees them."""
        said = {name: value for name, value in arguments.items() if name != "stream"}
        with langchain_errors():
            refuse_unknown(said, frozenset(argument_names(type(self))))
            changed, _ = by_field(said, type(self))
            own = {name: getattr(self, name) for name in type(self).model_fields}
            return type(self)(**own | changed)

    # --- calls ---

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model = self._with(kwargs) if kwargs else self
        with langchain_errors():
            requests = [model._request(prompt, stop) for prompt in prompts]
            if len(requests) == 1:
                return _result([model.client.fim(requests[0])])
            with ContextThreadPoolExecutor(max_workers=model.max_concurrency) as threads:
                return _result(list(threads.map(model.client.fim, requests)))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model = self._with(kwargs) if kwargs else self
        with langchain_errors():
            requests = [model._request(prompt, stop) for prompt in prompts]
            return _result(await _together([model.client.afim(request) for request in requests]))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        model = self._with(kwargs) if kwargs else self
        with langchain_errors(), model.client.stream(model._request(prompt, stop)) as deltas:
            ending = _Ending()
            for delta in deltas:
                if ending.note(delta):
                    chunk = GenerationChunk(text=delta.text)
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            yield ending.chunk(deltas.info)

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        model = self._with(kwargs) if kwargs else self
        with langchain_errors():
            async with model.client.astream(model._request(prompt, stop)) as deltas:
                ending = _Ending()
                async for delta in deltas:
                    if ending.note(delta):
                        chunk = GenerationChunk(text=delta.text)
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield ending.chunk(deltas.info)

    def _request(self, prompt: str, stop: list[str] | None) -> FIMRequest:
        fields = self._fields() | known(stop=stop or None)
        metadata = fields.pop("request_metadata", None)
        return FIMRequest(
            model=self.model, prompt=prompt, metadata=metadata, extra=self.model_kwargs, **fields
        )

    def _fields(self) -> dict[str, Any]:
        fields = known(**{name: getattr(self, name) for name in _SENT})
        if not fields.get("stop"):
            fields.pop("stop", None)
        return fields | known(request_metadata=self.request_metadata)


def _split(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part what LangChain says to itself from what was said for the call."""
    own = {name: value for name, value in arguments.items() if name in _LANGCHAIN}
    return own, {name: value for name, value in arguments.items() if name not in _LANGCHAIN}


async def _together(calls: list[Coroutine[Any, Any, ChatResponse]]) -> list[ChatResponse]:
    """Run calls at once; when one fails, none of the others goes on unseen."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _result(responses: list[ChatResponse]) -> LLMResult:
    outputs = [
        {"model_name": response.model, "token_usage": token_usage(response.usage)}
        for response in responses
    ]
    return LLMResult(
        generations=[[_generation(response)] for response in responses],
        llm_output=add_token_usage(outputs),
    )


def _generation(response: ChatResponse) -> Generation:
    info = _facts(
        response.model, response.id, response.finish_reason, response.usage, response.info
    )
    return Generation(text=response.text, generation_info=info)


def _facts(
    model: str | None, id_: str | None, finish: str | None, usage: Usage | None, info: CallInfo
) -> dict[str, Any]:
    """Tell what came with the code, for a whole answer and for the end of a stream alike."""
    return (
        known(
            model_name=model, id=id_, finish_reason=finish, token_usage=token_usage(usage) or None
        )
        | usage_extras(usage)
        | call_metadata(info)
    )


class _Ending:
    """Collects what is told once in a stream, for its last chunk."""

    def __init__(self) -> None:
        self._model: str | None = None
        self._id: str | None = None
        self._finish: str | None = None
        self._usage: Usage | None = None

    def note(self, delta: Delta) -> bool:
        """Keep what a delta tells; False if it brings no text."""
        self._model = delta.model or self._model
        self._id = delta.id or self._id
        self._finish = delta.finish_reason or self._finish
        self._usage = delta.usage or self._usage
        return bool(delta.text)

    def chunk(self, info: CallInfo) -> GenerationChunk:
        facts = _facts(self._model, self._id, self._finish, self._usage, info)
        return GenerationChunk(text="", generation_info=facts)

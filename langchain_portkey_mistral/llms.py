"""`PortkeyMistralFIM`, the fill-in-the-middle model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Self

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseLLM, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.outputs import Generation, GenerationChunk, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ContextThreadPoolExecutor
from pydantic import AliasChoices, Field, PrivateAttr

from langchain_portkey_mistral._arguments import (
    HEADERS,
    call_headers,
    refuse_unknown,
    to_call_options,
)
from langchain_portkey_mistral._language_model import PortkeyMistralLanguageModel
from langchain_portkey_mistral._metadata import (
    PROVIDER,
    AnswerMetadata,
    answer_metadata,
    langsmith_params,
    llm_output,
    sum_token_usage,
    token_usage,
)
from langchain_portkey_mistral._redaction import redact_arguments
from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.requests import CallOptions, FIMRequest
from portkey_mistral.responses import CallInfo, ChatResponse
from portkey_mistral.settings.arguments import argument_names, by_field
from portkey_mistral.settings.connection import MODEL_CONFIG

__all__ = ["PortkeyMistralFIM"]

# Arguments of `BaseLLM.generate` itself; two of them are fields of the model as well.
_LANGCHAIN_ARGUMENTS = ("tags", "metadata", "run_name", "run_id")


class PortkeyMistralFIM(PortkeyMistralLanguageModel, BaseLLM):
    """Codestral's fill-in-the-middle: generates the code between a prompt and a suffix.

    The prompt is the code before the gap, `suffix` the code after it. LangChain's cache takes only the fields of
    the model and the prompt into account, so a call with arguments of its own (`invoke(prompt, suffix=...)`) runs
    on a copy of the model that has them as fields.

    Setup:
        Install the package with its extra, and set a key:

        ```bash
        pip install "portkey-mistral[langchain]"
        export MISTRAL_API_KEY="your-key"
        ```

    Key init args (completion params):
        model: Model id or alias, "codestral-latest" by default.
        suffix: The code after the gap.
        temperature, top_p, max_tokens, min_tokens, stop, random_seed: As in Mistral's API.

    Key init args (client params):
        api_key, base_url, portkey_api_key, portkey_config, timeout, max_retries, ...: As for `ChatPortkeyMistral`.

    A call takes any of these too, and `headers` in addition to `default_headers`.

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
        for text in fim.stream("def add(a, b):", suffix="print(add(1, 2))"):
            print(text, end="")
        ```

    Async:
        ```python
        import asyncio

        code = asyncio.run(fim.ainvoke("def add(a, b):", suffix="print(add(1, 2))"))
        ```

    Raises:
        ConfigurationError: at construction, for an argument that is invalid, unknown or out of place.
        ModelError: from a call; see `ChatPortkeyMistral`.
    """

    model_config = MODEL_CONFIG

    model: str = Field(
        default="codestral-latest", validation_alias=AliasChoices("model", "model_name")
    )
    """Id or alias of a model that supports fill-in-the-middle."""
    suffix: str | None = None
    """The code after the gap."""

    _call_headers: dict[str, str] = PrivateAttr(default_factory=dict)

    # --- identification: caches, traces

    @property
    def _llm_type(self) -> str:
        return f"{PROVIDER}-fim"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return {
            **super()._identifying_params,
            **drop_none(suffix=self.suffix),
            **redact_arguments(self._call_options),
        }

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return langsmith_params(self.generation_fields({}), stop, "llm")

    # --- public methods: the arguments of one call become the fields of a copy

    def generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete several prompts; see LangChain's `BaseLLM.generate`."""
        fields, langchain_arguments = _split(kwargs)
        if fields:
            model = self._with_fields(fields)
            return model.generate(prompts, stop, callbacks, **langchain_arguments)
        return super().generate(prompts, stop, callbacks, **langchain_arguments)

    async def agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        callbacks: Callbacks | list[Callbacks] | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        """Complete several prompts; see LangChain's `BaseLLM.agenerate`."""
        fields, langchain_arguments = _split(kwargs)
        if fields:
            model = self._with_fields(fields)
            return await model.agenerate(prompts, stop, callbacks, **langchain_arguments)
        return await super().agenerate(prompts, stop, callbacks, **langchain_arguments)

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[str]:
        """Stream the code; see LangChain's `BaseLLM.stream`."""
        if kwargs:
            return self._with_fields(kwargs).stream(input, config, stop=stop)
        return super().stream(input, config, stop=stop)

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[str]:
        """Stream the code; see LangChain's `BaseLLM.astream`."""
        if kwargs:
            return self._with_fields(kwargs).astream(input, config, stop=stop)
        return super().astream(input, config, stop=stop)

    def _with_fields(self, arguments: Mapping[str, Any]) -> Self:
        """Return a copy with other fields, and with the headers of the call; it is constructed, so they are validated."""
        arguments = {name: value for name, value in arguments.items() if name != "stream"}
        if not arguments:
            return self
        with langchain_errors():
            headers = call_headers(arguments)
            others = {name: value for name, value in arguments.items() if name not in HEADERS}
            refuse_unknown(others, argument_names(type(self)))
            changed, _ = by_field(others, type(self))
            fields = {name: getattr(self, name) for name in type(self).model_fields}
            model = type(self)(**fields | changed)
        model._call_headers = {**self._call_headers, **headers}
        return model

    @property
    def _call_options(self) -> dict[str, Any]:
        return {"headers": self._call_headers} if self._call_headers else {}

    @property
    def _options(self) -> CallOptions | None:
        return to_call_options(self._call_options)

    # --- calls

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model = self._with_fields(kwargs)
        with langchain_errors():
            requests = [model._request(prompt, stop) for prompt in prompts]
            if len(requests) == 1:
                return _to_result([model.client.fim(requests[0], model._options)])
            with ContextThreadPoolExecutor(max_workers=model.max_concurrency) as threads:
                fim = partial(model.client.fim, options=model._options)
                return _to_result(list(threads.map(fim, requests)))

    async def _agenerate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        model = self._with_fields(kwargs)
        with langchain_errors():
            requests = [model._request(prompt, stop) for prompt in prompts]
            calls = [model.client.afim(request, model._options) for request in requests]
            return _to_result(await _gather(calls))

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        model = self._with_fields(kwargs)
        metadata = AnswerMetadata()
        with langchain_errors():
            request = model._request(prompt, stop)
            with model.client.stream(request, model._options) as stream:
                for delta in stream:
                    metadata.record(delta)
                    if delta.text:
                        chunk = GenerationChunk(text=delta.text)
                        if run_manager:
                            run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield _last_chunk(metadata, stream.info)

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        model = self._with_fields(kwargs)
        metadata = AnswerMetadata()
        with langchain_errors():
            request = model._request(prompt, stop)
            async with model.client.astream(request, model._options) as stream:
                async for delta in stream:
                    metadata.record(delta)
                    if delta.text:
                        chunk = GenerationChunk(text=delta.text)
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk
                yield _last_chunk(metadata, stream.info)

    def _request(self, prompt: str, stop: list[str] | None) -> FIMRequest:
        return FIMRequest(
            prompt=prompt,
            suffix=self.suffix,
            extra=self.model_kwargs,
            **self.generation_fields(drop_none(stop=stop or None)),
        )


def _split(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate the fields of the model from LangChain's own arguments."""
    fields = {name: value for name, value in arguments.items() if name not in _LANGCHAIN_ARGUMENTS}
    return fields, {name: value for name, value in arguments.items() if name not in fields}


async def _gather(calls: Sequence[Coroutine[Any, Any, ChatResponse]]) -> list[ChatResponse]:
    """Run calls concurrently; if one fails, cancel the others and wait for them to end."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _to_result(responses: list[ChatResponse]) -> LLMResult:
    return LLMResult(
        generations=[[_to_generation(response)] for response in responses],
        llm_output=sum_token_usage(map(llm_output, responses)),
    )


def _to_generation(response: ChatResponse) -> Generation:
    info = _generation_info(response, response.info)
    return Generation(text=response.text, generation_info=info)


def _last_chunk(metadata: AnswerMetadata, info: CallInfo) -> GenerationChunk:
    return GenerationChunk(text="", generation_info=_generation_info(metadata, info))


def _generation_info(answer: ChatResponse | AnswerMetadata, info: CallInfo) -> dict[str, Any]:
    facts = answer_metadata(answer, answer.finish_reason, info)
    if answer.usage is not None:
        facts["token_usage"] = token_usage(answer.usage)
    return facts

"""Models with arguments or a run config bound to them.

LangChain's `RunnableBinding` delegates methods that it does not have, such as `bind_tools`, to the wrapped model, and
loses the arguments that were bound before. The bindings here keep them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.outputs import LLMResult
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import ConfigurableField, Runnable, RunnableBinding
from langchain_core.runnables.config import merge_configs
from typing_extensions import override

from langchain_portkey_mistral._redaction import with_redacted_reprs
from langchain_portkey_mistral._schemas import Method, Schema
from langchain_portkey_mistral._tools import ToolLike
from langchain_portkey_mistral._with_structured_output import StructuresOutput
from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.adapter_support import drop_none
from portkey_mistral.config import Config

if TYPE_CHECKING:
    from langchain_portkey_mistral.batch_jobs import ChatBatchJob
    from portkey_mistral.client import Client

__all__ = ["Bindable", "BoundChatModel", "BoundModel"]


# Type checkers need the class that LangChain declares for bindings of chat models. At run time the same class binds the
# fill-in-the-middle model, whose answers are text.
if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import (
        _ChatModelBinding as _Binding,  # pyright: ignore[reportPrivateUsage]
    )
else:
    _Binding = RunnableBinding[LanguageModelInput, Any]


class BoundModel(_Binding):
    """A binding whose repr shows no keys. A `portkey_config` is parsed, and thereby validated, immediately."""

    @override
    def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
        return super().bind(**with_redacted_reprs(kwargs))

    @override
    def with_alisteners(self, **listeners: Any) -> Runnable[LanguageModelInput, Any]:
        return self._with_bound(super().with_alisteners(**listeners))

    @override
    def configurable_fields(self, **kwargs: Any) -> Any:
        """Make fields of the model configurable; see LangChain's `configurable_fields`."""
        return self._with_bound(self._inner.configurable_fields(**kwargs))

    # Methods of a language model that LangChain's binding would pass on without what is bound.

    def generate(
        self, prompts: list[Any], stop: list[str] | None = None, **kwargs: Any
    ) -> LLMResult:
        """Generate answers with what is bound; see LangChain's `generate`."""
        result: LLMResult = self._generator.generate(prompts, **self._with_kwargs(stop, kwargs))
        return result

    async def agenerate(
        self, prompts: list[Any], stop: list[str] | None = None, **kwargs: Any
    ) -> LLMResult:
        """Generate answers with what is bound; see LangChain's `agenerate`."""
        result: LLMResult = await self._generator.agenerate(
            prompts, **self._with_kwargs(stop, kwargs)
        )
        return result

    def generate_prompt(
        self, prompts: list[PromptValue], stop: list[str] | None = None, **kwargs: Any
    ) -> LLMResult:
        """Generate answers with what is bound; see LangChain's `generate_prompt`."""
        result: LLMResult = self._generator.generate_prompt(
            prompts, **self._with_kwargs(stop, kwargs)
        )
        return result

    async def agenerate_prompt(
        self, prompts: list[PromptValue], stop: list[str] | None = None, **kwargs: Any
    ) -> LLMResult:
        """Generate answers with what is bound; see LangChain's `agenerate_prompt`."""
        arguments = self._with_kwargs(stop, kwargs)
        result: LLMResult = await self._generator.agenerate_prompt(prompts, **arguments)
        return result

    @property
    def _generator(self) -> Any:
        """The model; where its fields are configurable, with those that the bound config sets."""
        inner = self._inner
        return inner.prepare(self.config)[0] if hasattr(type(inner), "prepare") else inner

    def _with_kwargs(self, stop: list[str] | None, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        run = {name: self.config.get(name) for name in ("callbacks", "tags", "metadata")}
        return {**drop_none(**run), **self.kwargs, **drop_none(stop=stop), **kwargs}

    @property
    def _inner(self) -> Any:
        """The model, typed as Any because it has methods that `Runnable` does not declare."""
        return self.bound

    def _with_bound(self, inner: Runnable[Any, Any]) -> BoundModel:
        """Return this binding around another runnable, whose own bound arguments take precedence."""
        if not isinstance(inner, RunnableBinding):
            return self.model_copy(update={"bound": inner})
        return self.model_copy(
            update={
                "bound": self.bound if inner.bound is self else inner.bound,
                "kwargs": {**self.kwargs, **inner.kwargs},
                "config": merge_configs(self.config, inner.config),
                "config_factories": [*inner.config_factories, *self.config_factories],
            }
        )


class BoundChatModel(StructuresOutput, BoundModel):
    """A chat model with arguments or a run config bound to it."""

    if TYPE_CHECKING:

        def bind(self, **kwargs: Any) -> BoundChatModel: ...

    @property
    def model(self) -> str:
        """The model that is called."""
        name: str = self.kwargs.get("model") or self._inner.model
        return name

    @property
    def profile(self) -> ModelProfile | None:
        """The profile of the models that calls reach."""
        model, config = self.kwargs.get("model"), self.kwargs.get("portkey_config")
        inner = self._inner
        if model is None and config is None:
            own: ModelProfile | None = inner.profile
            return own
        config = inner.parsed_config if config is None else Config.parse(config)
        bound: ModelProfile | None = inner.profile_of(model or inner.model, config)
        return bound

    @property
    def client(self) -> Client:
        """The core's client."""
        client: Client = self._inner.client
        return client

    def batch_job(self, inputs: Iterable[LanguageModelInput], **arguments: Any) -> ChatBatchJob:
        """Send inputs as a batch with what is bound; see `ChatPortkeyMistral.batch_job`."""
        from langchain_portkey_mistral.batch_jobs import batch_job

        return batch_job(self, inputs, **arguments)

    async def abatch_job(
        self, inputs: Iterable[LanguageModelInput], **arguments: Any
    ) -> ChatBatchJob:
        """The async version of `batch_job`."""
        from langchain_portkey_mistral.batch_jobs import abatch_job

        return await abatch_job(self, inputs, **arguments)

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Let the config of a run choose another model; see `ChatPortkeyMistral.configurable_alternatives`."""
        alternatives = self._inner.configurable_alternatives(
            which, default_key=default_key, prefix_keys=prefix_keys, **kwargs
        )
        return alternatives.model_copy(update={"default": self})

    def bind_tools(self, tools: Sequence[ToolLike], **kwargs: Any) -> BoundChatModel:
        """Bind tools, keeping the arguments already bound; see `ChatPortkeyMistral.bind_tools`."""
        return cast("BoundChatModel", self._with_bound(self._inner.bind_tools(tools, **kwargs)))

    @override
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
        from langchain_portkey_mistral._structured_output import default_method, structured_output

        with langchain_errors():
            method = method or default_method(self, schema, {**self.kwargs, **arguments})
            if tools is None and method == "json_schema":
                tools = self.kwargs.get("tools")
            return structured_output(
                self,
                schema,
                method=method,
                include_raw=include_raw,
                strict=strict,
                tools=tools,
                arguments=arguments,
            )


class Bindable:
    """Makes bindings of the classes in this module; comes first in the bases of a model."""

    def _binding(self, kwargs: Mapping[str, Any]) -> BoundModel:
        raise NotImplementedError

    if not TYPE_CHECKING:  # LangChain declares its own return types

        def bind(self, **kwargs: Any) -> Runnable[LanguageModelInput, Any]:
            """Return the model with arguments for every call; see LangChain's `Runnable.bind`.

            A `portkey_config` is parsed, and thereby validated, immediately. The repr of the binding shows neither the
            keys of a config nor the values of headers.
            """
            return self._binding(with_redacted_reprs(kwargs))

        def with_listeners(self, **listeners: Any) -> Runnable[LanguageModelInput, Any]:
            """Return the model with listeners; see LangChain's `Runnable.with_listeners`."""
            return self._binding({}).with_listeners(**listeners)

        def with_alisteners(self, **listeners: Any) -> Runnable[LanguageModelInput, Any]:
            """Return the model with async listeners; see LangChain's `Runnable.with_alisteners`."""
            return self._binding({}).with_alisteners(**listeners)

        def with_types(self, **types: Any) -> Runnable[LanguageModelInput, Any]:
            """Return the model with other types; see LangChain's `Runnable.with_types`."""
            return self._binding({}).with_types(**types)

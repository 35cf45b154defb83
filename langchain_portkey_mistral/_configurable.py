"""A chat model whose fields the config of a run may set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import ConfigurableField, Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs
from langchain_core.runnables.configurable import RunnableConfigurableFields
from langchain_core.runnables.utils import AnyConfigurableField
from typing_extensions import override

from langchain_portkey_mistral._bindings import Bindable, BoundChatModel, BoundModel
from langchain_portkey_mistral._dynamic_events import StreamsEvents
from langchain_portkey_mistral._schemas import Schema
from langchain_portkey_mistral._tools import ToolLike
from langchain_portkey_mistral._with_structured_output import StructuresOutput
from langchain_portkey_mistral.errors import langchain_errors

__all__ = ["ConfigurableChat"]

MethodCall: TypeAlias = tuple[str, tuple[Any, ...], Mapping[str, Any]]


# At run time pydantic would convert the model to an instance of the class with type arguments.
if TYPE_CHECKING:
    _Configurable = RunnableConfigurableFields[LanguageModelInput, AIMessage]
else:
    _Configurable = RunnableConfigurableFields


class ConfigurableChat(StructuresOutput, StreamsEvents, Bindable, _Configurable):
    """A chat model whose fields are set by the config of a run: `config={"configurable": {"model": ...}}`.

    `bind_tools` and `with_structured_output` are applied to the model of each run, so they take its fields into
    account.
    """

    method_calls: tuple[MethodCall, ...] = ()

    def _binding(self, kwargs: Mapping[str, Any]) -> BoundModel:
        return BoundChatModel(bound=self, kwargs=kwargs, config={})

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> ConfigurableChat:
        """Return the model with a config for every run, in addition to one that it has."""
        merged = merge_configs(self.config, config, cast("RunnableConfig", kwargs))
        return self.model_copy(update={"config": merged})

    def configurable_fields(self, **kwargs: AnyConfigurableField) -> ConfigurableChat:
        """Make more fields configurable, keeping what is bound."""
        more = self.default.configurable_fields(**kwargs)
        fields = cast("ConfigurableChat", more).fields
        return self.model_copy(update={"fields": {**self.fields, **fields}})

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Let the config of a run choose another model; see `ChatPortkeyMistral.configurable_alternatives`."""
        from langchain_portkey_mistral._alternatives import with_alternatives

        return with_alternatives(
            self, which, default_key=default_key, prefix_keys=prefix_keys, alternatives=kwargs
        )

    def bind_tools(
        self, tools: Sequence[ToolLike], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return the model with tools bound to it; see `ChatPortkeyMistral.bind_tools`."""
        return self._with_call("bind_tools", tools, **kwargs)

    @override
    def _structured(
        self, schema: Schema | None, *, arguments: Mapping[str, Any], **options: Any
    ) -> Runnable[LanguageModelInput, Any]:
        return self._with_call("with_structured_output", schema, **options, **arguments)

    def _with_call(self, method: str, /, *args: Any, **kwargs: Any) -> ConfigurableChat:
        method_calls = (*self.method_calls, (method, args, kwargs))
        return self.model_copy(update={"method_calls": method_calls})

    @override
    def _prepare(
        self, config: RunnableConfig | None = None
    ) -> tuple[Runnable[LanguageModelInput, AIMessage], RunnableConfig]:
        with langchain_errors():
            runnable, config = super()._prepare(config)
        for method, args, kwargs in self.method_calls:
            runnable = getattr(runnable, method)(*args, **kwargs)
        return runnable, config

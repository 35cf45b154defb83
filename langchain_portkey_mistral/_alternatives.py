"""Chat models of which the config of a run chooses one.

LangChain binds tools, and schemas, to the first of them only, and then calls that one whatever the config says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import (
    ConfigurableField,
    Runnable,
    RunnableConfig,
    RunnableSerializable,
)
from langchain_core.runnables.config import merge_configs
from langchain_core.runnables.configurable import RunnableConfigurableAlternatives
from langchain_core.runnables.utils import AnyConfigurableField
from typing_extensions import override

from langchain_portkey_mistral._bindings import Bindable, BoundChatModel, BoundModel
from langchain_portkey_mistral._dynamic_events import StreamsEvents
from langchain_portkey_mistral._schemas import Schema
from langchain_portkey_mistral._tools import ToolLike
from langchain_portkey_mistral._with_structured_output import StructuresOutput
from portkey_mistral.adapter_support import drop_none

__all__ = ["Alternative", "AlternativeChats", "with_alternatives"]

Alternative: TypeAlias = (
    Runnable[LanguageModelInput, AIMessage] | Callable[[], Runnable[LanguageModelInput, AIMessage]]
)

# At run time pydantic would convert the models to instances of the class with type arguments.
if TYPE_CHECKING:
    _Alternatives = RunnableConfigurableAlternatives[LanguageModelInput, AIMessage]
else:
    _Alternatives = RunnableConfigurableAlternatives


class AlternativeChats(StructuresOutput, StreamsEvents, Bindable, _Alternatives):
    """Chat models of which the config of a run chooses one; what is bound is bound to each of them."""

    def _binding(self, kwargs: Mapping[str, Any]) -> BoundModel:
        return BoundChatModel(bound=self, kwargs=kwargs, config={})

    def bind_tools(
        self, tools: Sequence[ToolLike], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools to each model; see `ChatPortkeyMistral.bind_tools`."""
        return self._with_each(_MethodCall("bind_tools", (tools,), kwargs))

    @override
    def _structured(
        self,
        schema: Schema | None,
        *,
        arguments: Mapping[str, Any],
        include_raw: bool = False,
        **options: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        # The models of other packages do not have all of these options.
        given = drop_none(**options) | ({"include_raw": True} if include_raw else {})
        return self._with_each(
            _MethodCall("with_structured_output", (schema,), {**given, **arguments})
        )

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> AlternativeChats:
        """Return the models with a config for every run, in addition to one that they have."""
        merged = merge_configs(self.config, config, cast("RunnableConfig", kwargs))
        return self.model_copy(update={"config": merged})

    def configurable_fields(self, **kwargs: AnyConfigurableField) -> AlternativeChats:
        """Make fields of the first model configurable, keeping what is bound."""
        return self.model_copy(update={"default": self.default.configurable_fields(**kwargs)})

    def configurable_alternatives(
        self,
        which: ConfigurableField,
        *,
        default_key: str = "default",
        prefix_keys: bool = False,
        **kwargs: Any,
    ) -> AlternativeChats:
        """Let the config of a run choose another model; see `ChatPortkeyMistral.configurable_alternatives`."""
        return with_alternatives(
            self, which, default_key=default_key, prefix_keys=prefix_keys, alternatives=kwargs
        )

    def _with_each(self, call: _MethodCall) -> AlternativeChats:
        alternatives = {key: call.later(each) for key, each in self.alternatives.items()}
        return self.model_copy(
            update={"default": call.on(self.default), "alternatives": alternatives}
        )


# Classes rather than nested functions: these runnables have to pickle.


@dataclass(frozen=True)
class _MethodCall:
    name: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    def on(self, model: Runnable[Any, Any]) -> Runnable[Any, Any]:
        result: Runnable[Any, Any] = getattr(model, self.name)(*self.args, **self.kwargs)
        return result

    def later(self, model: Any) -> Any:
        """Call the method of a model; of one that is made when it is chosen, when it is made."""
        return self.on(model) if isinstance(model, Runnable) else _Made(model, self)


@dataclass(frozen=True)
class _Made:
    make: Callable[[], Runnable[Any, Any]]
    call: _MethodCall

    def __call__(self) -> Runnable[Any, Any]:
        return self.call.on(self.make())


def with_alternatives(
    model: RunnableSerializable[LanguageModelInput, AIMessage],
    which: ConfigurableField,
    *,
    default_key: str,
    prefix_keys: bool,
    alternatives: Mapping[str, Alternative],
) -> AlternativeChats:
    """Return a model with its alternatives; see LangChain's `configurable_alternatives`."""
    return AlternativeChats(
        which=which,
        default=model,
        alternatives=dict(alternatives),
        default_key=default_key,
        prefix_keys=prefix_keys,
    )

"""`init_chat_model`: LangChain's factory for this package, which LangChain's own cannot be told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast, overload

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables import ConfigurableField, Runnable, RunnableConfig
from langchain_core.runnables.configurable import RunnableConfigurableFields
from typing_extensions import override

from langchain_portkey_mistral.chat_models import ChatPortkeyMistral
from langchain_portkey_mistral.errors import langchain_errors
from langchain_portkey_mistral.schemas import Schema
from langchain_portkey_mistral.tools import ToolLike
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["ConfigurableChat", "init_chat_model"]

Names: TypeAlias = Literal["any"] | Sequence[str]
Step: TypeAlias = tuple[str, tuple[Any, ...], Mapping[str, Any]]

# What comes before the colon in "mistralai:mistral-large-latest". Names of Mistral's own fine-tuned
# models have colons too ("ft:..."), so any other text stays part of the model.
_OWN_NAMES = ("portkey-mistral", "portkey_mistral", "mistralai", "mistral-ai")


# pydantic would build the model anew as an instance of a class with type arguments.
if TYPE_CHECKING:
    _Configurable = RunnableConfigurableFields[LanguageModelInput, AIMessage]
else:
    _Configurable = RunnableConfigurableFields


class ConfigurableChat(_Configurable):
    """A chat model whose fields are said when it runs: `config={"configurable": {"model": ...}}`.

    `bind_tools` and `with_structured_output` are kept and done to the model that a run gets, so a field
    that is changed later still counts.
    """

    steps: tuple[Step, ...] = ()

    def bind_tools(
        self, tools: Sequence[ToolLike], **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Return it with tools; see `ChatPortkeyMistral.bind_tools`."""
        return self._then("bind_tools", tools, **kwargs)

    def with_structured_output(
        self, schema: Schema | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Return it answering in a schema; see `ChatPortkeyMistral.with_structured_output`."""
        return self._then("with_structured_output", schema, **kwargs)

    if not TYPE_CHECKING:  # LangChain types these two by the version that is asked for

        def stream_events(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any:
            """Give the events of a run; see `BaseChatModel.stream_events`."""
            if kwargs.get("version") != "v3":
                return super().stream_events(input, config, **kwargs)
            runnable, config = self._prepare(config)
            return runnable.stream_events(input, config, **kwargs)

        def astream_events(
            self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Any:
            """Give the events of a run; see `BaseChatModel.astream_events`."""
            if kwargs.get("version") != "v3":
                return super().astream_events(input, config, **kwargs)
            runnable, config = self._prepare(config)
            return runnable.astream_events(input, config, **kwargs)

    def _then(self, name: str, *args: Any, **kwargs: Any) -> ConfigurableChat:
        return self.model_copy(update={"steps": (*self.steps, (name, args, kwargs))})

    @override
    def _prepare(
        self, config: RunnableConfig | None = None
    ) -> tuple[Runnable[LanguageModelInput, AIMessage], RunnableConfig]:
        with langchain_errors():
            runnable, config = super()._prepare(config)
        for name, args, kwargs in self.steps:
            runnable = getattr(runnable, name)(*args, **kwargs)
        return runnable, config


@overload
def init_chat_model(
    model: str,
    *,
    model_provider: str | None = None,
    configurable_fields: None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ChatPortkeyMistral: ...


@overload
def init_chat_model(
    model: None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Names | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ConfigurableChat: ...


@overload
def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Names,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ConfigurableChat: ...


def init_chat_model(
    model: str | None = None,
    *,
    model_provider: str | None = None,
    configurable_fields: Names | None = None,
    config_prefix: str | None = None,
    **kwargs: Any,
) -> ChatPortkeyMistral | ConfigurableChat:
    """Return a chat model by name, with the signature of LangChain's own `init_chat_model`.

    >>> init_chat_model("mistral-large-latest", base_url="sandbox:", temperature=0).model
    'mistral-large-latest'

    Without a model, or with `configurable_fields`, what is returned takes fields when it runs:

    >>> chat = init_chat_model(base_url="sandbox:")
    >>> answer = chat.invoke("Hello!", {"configurable": {"model": "mistral-medium-latest"}})
    >>> answer.response_metadata["model_name"]
    'mistral-medium-latest'

    Args:
        model: Id or alias, also "mistralai:mistral-large-latest". None: `ChatPortkeyMistral`'s default,
            and `model` is configurable.
        model_provider: "mistralai", "mistral-ai" or "portkey-mistral", or nothing: there is no other.
            The provider of a target behind Portkey is `provider=`.
        configurable_fields: Names of fields that a run may say; "any" for all. With "any", whoever writes
            a run's config can change `base_url` and keys: list the fields where that is not you.
        config_prefix: Comes before the names in `configurable`: "first" makes "first_model".
        kwargs: Fields of `ChatPortkeyMistral`.

    Raises:
        ConfigurationError: another provider, or a field that does not exist.
    """
    with langchain_errors():
        _check_provider(model_provider)
        named = {} if model is None else {"model": _bare(model)}
        chat = ChatPortkeyMistral(**named, **kwargs)
        if configurable_fields is None and model is not None:
            return chat
        names = _names(configurable_fields or ("model",))
    prefix = f"{config_prefix.removesuffix('_')}_" if config_prefix else ""
    fields = {name: ConfigurableField(id=prefix + name) for name in names}
    return ConfigurableChat(default=chat, fields=cast("Any", fields))


def _bare(model: str) -> str:
    provider, colon, name = model.partition(":")
    return name if colon and provider in _OWN_NAMES else model


def _check_provider(name: str | None) -> None:
    if name is not None and name not in _OWN_NAMES:
        raise ConfigurationError(
            f"model_provider={name!r} is not made here; use one of {', '.join(_OWN_NAMES)}, or LangChain's own "
            "init_chat_model. The provider of a target behind Portkey is provider=..."
        )


def _names(configurable: Names) -> Sequence[str]:
    known = ChatPortkeyMistral.model_fields
    if configurable == "any":
        return list(known)
    # LangChain's callers list this one with the model; here there is nothing to choose.
    wanted = [name for name in configurable if name != "model_provider"]
    for name in wanted:
        if name not in known:
            raise ConfigurationError(f"configurable_fields: {name!r} is no field of the model.")
    return wanted

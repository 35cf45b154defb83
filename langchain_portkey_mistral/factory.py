"""`init_chat_model` for this package; LangChain's own has a fixed list of providers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, cast, overload

from langchain_core.runnables import ConfigurableField

from langchain_portkey_mistral._configurable import ConfigurableChat
from langchain_portkey_mistral.chat_models import ChatPortkeyMistral
from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["ConfigurableChat", "init_chat_model"]

Names: TypeAlias = Literal["any"] | Sequence[str]

# Accepted as `model_provider`, and before the colon in "mistralai:mistral-large-latest". Other colons are part
# of the model id: those of fine-tuned models start with "ft:".
_PROVIDERS = ("portkey-mistral", "portkey_mistral", "mistralai", "mistral-ai")


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
    """Create a chat model by name, with the signature of LangChain's `init_chat_model`.

    Examples:
        >>> init_chat_model("mistral-large-latest", base_url="sandbox:", temperature=0).model
        'mistral-large-latest'

    Without a model, or with `configurable_fields`, the result takes fields from the config of a run:

    Examples:
        >>> chat = init_chat_model(base_url="sandbox:")
        >>> answer = chat.invoke("Hello!", {"configurable": {"model": "mistral-medium-latest"}})
        >>> answer.response_metadata["model_name"]
        'mistral-medium-latest'

    Args:
        model: Model id or alias, also as "mistralai:mistral-large-latest". None means the default of
            `ChatPortkeyMistral`, and that `model` is configurable.
        model_provider: "mistralai", "mistral-ai" or "portkey-mistral"; they mean the same. The provider
            of a target behind Portkey is `provider`.
        configurable_fields: Fields that the config of a run may set; "any" for all. "any" includes
            `base_url` and keys, so list the fields if other people write the config.
        config_prefix: Prefix of the names in `configurable`: "first" makes "first_model".
        kwargs: Fields of `ChatPortkeyMistral`.

    Raises:
        ConfigurationError: another provider, or a field that does not exist.
    """
    with langchain_errors():
        _check_provider(model_provider)
        if model is not None:
            kwargs["model"] = _without_provider(model)
        chat = ChatPortkeyMistral(**kwargs)
        if configurable_fields is None and model is not None:
            return chat
        names = _field_names(configurable_fields or ("model",))
    prefix = f"{config_prefix.removesuffix('_')}_" if config_prefix else ""
    fields = {name: ConfigurableField(id=prefix + name) for name in names}
    return ConfigurableChat(default=chat, fields=cast("Any", fields))


def _without_provider(model: str) -> str:
    provider, colon, name = model.partition(":")
    return name if colon and provider in _PROVIDERS else model


def _check_provider(name: str | None) -> None:
    if name is not None and name not in _PROVIDERS:
        raise ConfigurationError(
            f"model_provider={name!r} is not supported; use one of {', '.join(_PROVIDERS)}, or LangChain's own "
            "init_chat_model. The provider of a target behind Portkey is provider=..."
        )


def _field_names(configurable: Names) -> Sequence[str]:
    fields = ChatPortkeyMistral.model_fields
    if configurable == "any":
        return list(fields)
    # Users of LangChain's factory list `model_provider` together with `model`; here it has one value.
    names = [name for name in configurable if name != "model_provider"]
    for name in names:
        if name not in fields:
            raise ConfigurationError(f"configurable_fields: {name!r} is not a field of the model.")
    return names

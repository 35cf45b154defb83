"""What the chat model and the fill-in-the-middle model have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.language_models import BaseLanguageModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.load.serializable import SerializedNotImplemented
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.utils import AnyConfigurableField
from pydantic import AliasChoices, Field, model_validator

from langchain_portkey_mistral._bindings import Bindable, BoundModel
from langchain_portkey_mistral._metadata import TRACED_PROVIDER
from langchain_portkey_mistral._redaction import identifying_settings
from portkey_mistral.client import ConnectedSettings
from portkey_mistral.settings.connection import BodyExtras
from portkey_mistral.settings.field_docstrings import field_docstrings
from portkey_mistral.settings.generation import CompletionSettings
from portkey_mistral.tokens import count_tokens, token_ids

__all__ = ["PortkeyMistralLanguageModel"]

# At run time pydantic would create a separate class for `BaseLanguageModel[Any]`.
if TYPE_CHECKING:
    _BaseLanguageModel = BaseLanguageModel[Any]
else:
    _BaseLanguageModel = BaseLanguageModel


class PortkeyMistralLanguageModel(
    Bindable, ConnectedSettings, CompletionSettings, _BaseLanguageModel
):
    """Comes before LangChain's own base class in the bases of both models."""

    model_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("model_kwargs", "extra_body")
    )
    """Parameters to add to the request body that have no field here."""

    @model_validator(mode="after")
    def _add_package_version(self) -> Self:
        from portkey_mistral import __version__

        self._add_version("portkey-mistral", __version__)
        return self

    def configurable_fields(self, **kwargs: AnyConfigurableField) -> Any:
        """Make fields configurable at run time; see LangChain's `configurable_fields`."""
        docstrings = field_docstrings(type(self))
        described = {
            name: spec._replace(description=docstrings.get(name))
            if getattr(spec, "description", "") is None
            else spec
            for name, spec in kwargs.items()
        }
        return super().configurable_fields(**described)

    def _binding(self, kwargs: Mapping[str, Any]) -> BoundModel:
        return BoundModel(bound=self, kwargs=kwargs, config={})

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        parameters = self.generation_fields({})
        # LangChain puts a call's `stop` under that name into the cache key, replacing ours, and two models that differ
        # in `stop` would share an entry.
        if stop := parameters.pop("stop", None):
            parameters["stop_sequences"] = stop
        if self.model_kwargs:
            parameters["model_kwargs"] = self.model_kwargs
        return parameters | identifying_settings(self)

    def _get_ls_params_with_defaults(
        self, stop: list[str] | None = None, **kwargs: Any
    ) -> LangSmithParams:
        # LangChain's own hook for what goes to tracers only; middleware reads `_get_ls_params`.
        parameters = super()._get_ls_params_with_defaults(stop=stop, **kwargs)
        return cast("LangSmithParams", {**parameters, "ls_provider": TRACED_PROVIDER})

    def to_json_not_implemented(self) -> SerializedNotImplemented:
        """Return the class and its parameters, for tracing tools.

        LangChain cannot rebuild an object from it: a Portkey config may contain keys, and they are left out.
        """
        # Tools take the model from `kwargs`, where LangChain puts it for the classes that it can rebuild.
        described = {**super().to_json_not_implemented(), "kwargs": dict(self._identifying_params)}
        return cast("SerializedNotImplemented", described)

    if not TYPE_CHECKING:  # LangChain declares its own return type

        def with_config(
            self, config: RunnableConfig | None = None, **kwargs: Any
        ) -> Runnable[LanguageModelInput, Any]:
            """Return the model with a config for every run; see LangChain's `Runnable.with_config`."""
            return self._binding({}).with_config(config, **kwargs)

    def get_num_tokens(self, text: str) -> int:
        """Count the tokens of a text offline: exactly if `mistral-common` is installed, else an estimate.

        On an event loop the first counts are estimates, while a thread loads the tokenizer.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return count_tokens(text, self.model)

    def get_token_ids(self, text: str) -> list[int]:
        """Return the token ids of a text.

        Raises:
            ImportError: `mistral-common` is not installed (`pip install "portkey-mistral[tokens]"`).
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return token_ids(text, self.model)

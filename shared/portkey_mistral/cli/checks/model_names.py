"""Whether the models are in service: the default one, those of a config, and one that the user names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from portkey_mistral import models
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.cli.findings import Finding
from portkey_mistral.config import Config
from portkey_mistral.settings.connection import ConnectionSettings
from portkey_mistral.settings.generation import GenerationSettings

__all__ = ["check_models", "names_of"]


def names_of(settings: ConnectionSettings, model: str | None) -> Iterable[str]:
    """Return the default model, the one that the user names, and those of the config, each once."""
    default = GenerationSettings.model_fields["model"].default
    given = settings.portkey_config
    config = None if given is None else Config.parse(given)
    targets = () if config is None or config.slug is not None else config.targets()
    overrides = (target.override_params.get("model") for target in targets)
    named = (default, model, *overrides)
    return dict.fromkeys(name for name in named if isinstance(name, str) and name)


def check_models(names: Iterable[str]) -> Iterator[Finding]:
    """Report the status of each model."""
    return map(_check, names)


def _check(name: str) -> Finding:
    model = models.find(name)
    if model is None:
        # Models of the user's own have names that are a little like those of the catalog.
        cure = did_you_mean(name, _all_names(), cutoff=0.85)
        return Finding(
            "model", "note", f"{name} is not in the model catalog; it is sent unchanged", cure
        )
    text = f"{name} is {model.id}, {model.status}"
    if model.status in ("ga", "preview"):
        return Finding("model", "good", text)
    cure = f"use {model.replacement}" if model.replacement else "no replacement is documented"
    if model.status == "retired":
        return Finding("model", "bad", f"{text} since {model.retires}", cure)
    return Finding("model", "note", f"{text} since {model.deprecated}", cure)


def _all_names() -> list[str]:
    return [name for model in models.all_models() for name in (model.id, *model.aliases)]

"""Completes the names of models in the shell."""

from __future__ import annotations

from collections.abc import Callable

from portkey_mistral import models

__all__ = ["complete_models"]


def complete_models(*capabilities: models.Capability) -> Callable[[str], list[str]]:
    """Return what completes the ids and aliases of the models in service that have these capabilities."""

    def complete(incomplete: str) -> list[str]:
        known = models.live_models(capabilities=capabilities)
        names = (name for model in known for name in (model.id, *model.aliases))
        return sorted(name for name in names if name.startswith(incomplete))

    return complete

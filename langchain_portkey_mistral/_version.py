"""The version of the installed distribution, which holds this package and the core."""

from __future__ import annotations

from portkey_mistral import __version__

__all__ = ["DISTRIBUTION", "__version__"]

DISTRIBUTION = "portkey-mistral"

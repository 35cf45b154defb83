"""The version of the installed distribution, which holds this package and the core."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["DISTRIBUTION", "__version__"]

DISTRIBUTION = "portkey-mistral"
__version__ = version(DISTRIBUTION)

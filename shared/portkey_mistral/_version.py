"""The version of the installed distribution, which holds the adapters too."""

from __future__ import annotations

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("portkey-mistral")

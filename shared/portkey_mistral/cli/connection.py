"""The options by which commands that make calls are connected; the environment has the rest, and all keys.

Keys are no options: a command line is visible to other users of the machine, and kept in the history of the shell.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from portkey_mistral._json import drop_none

__all__ = ["BaseUrl", "Config", "GatewayUrl", "Provider", "connection"]

_PANEL = "Connection (keys are read from MISTRAL_API_KEY and PORTKEY_API_KEY)"

BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="A Mistral-compatible API, or 'sandbox:' for the offline sandbox.",
        rich_help_panel=_PANEL,
    ),
]
GatewayUrl = Annotated[
    str | None,
    typer.Option("--gateway-url", metavar="URL", help="A Portkey gateway.", rich_help_panel=_PANEL),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A Portkey config: a JSON file, JSON text, or the slug of a saved one (pc-...).",
        rich_help_panel=_PANEL,
    ),
]
Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="NAME",
        help="A provider, or its slug in Portkey's catalog (@...).",
        rich_help_panel=_PANEL,
    ),
]


def connection(
    base_url: str | None = None,
    gateway_url: str | None = None,
    config: str | None = None,
    provider: str | None = None,
) -> dict[str, Any]:
    """Return the options that were given, as arguments of `Client`."""
    return drop_none(
        base_url=base_url, gateway_url=gateway_url, portkey_config=config, provider=provider
    )

"""Serve the sandbox, or the stand-in for hosted Portkey, over HTTP in the foreground."""

from __future__ import annotations

import threading
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from portkey_mistral.sandbox import server

if TYPE_CHECKING:
    from portkey_mistral.sandbox.portkey import Account

__all__ = ["serve", "serve_portkey"]


def serve(console: Console, *, host: str, port: int, allowed_hosts: Collection[str] = ()) -> None:
    """Print how to point a client at the sandbox, and serve until Ctrl+C."""
    with server.running(host, port, allowed_hosts=allowed_hosts) as url:
        _wait(console, _hint(f"{url}/v1"), "sandbox")


def serve_portkey(console: Console, file: Path, *, host: str, port: int) -> None:
    """Serve a stand-in for hosted Portkey for the account in a file, until Ctrl+C.

    Raises:
        ConfigurationError: the file is invalid, or the host cannot be served on.
        NodeMissingError: there is no Node.js to run the gateway.
    """
    from portkey_mistral.sandbox.portkey.definition import load
    from portkey_mistral.sandbox.portkey.server import running as running_portkey

    account = load(file)
    for name in account.unsupported_settings():
        console.print(f"[yellow]{escape(name)} has no effect in the stand-in.[/]")
    console.print(
        "Starting the Portkey gateway; the first start installs it with npm.", style="dim"
    )
    with running_portkey(account, host, port) as portkey:
        _wait(console, _portkey_hint(portkey.url, account), "Portkey sandbox")


def _wait(console: Console, hint: str, title: str) -> None:
    console.print(Panel(hint, title=title, title_align="left", expand=False))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("\nThe sandbox has stopped.")


def _hint(base_url: str) -> str:
    return (
        f"The offline stand-in for the Mistral API listens at [bold]{base_url}[/]\n\n"
        f"  export MISTRAL_BASE_URL={base_url}\n"
        "  export MISTRAL_API_KEY=sandbox\n\n"
        "Any key works. Answers come from rules, not from a model. Press Ctrl+C to stop."
    )


def _portkey_hint(base_url: str, account: Account) -> str:
    named = {
        "providers": [f"@{slug}" for slug in account.providers],
        "configs": list(account.configs),
        "prompts": list(account.prompts),
    }
    lines = [f"  {kind}: {', '.join(names)}" for kind, names in named.items() if names]
    return (
        f"The offline stand-in for hosted Portkey listens at [bold]{base_url}[/]\n\n"
        f"  export PORTKEY_GATEWAY_URL={base_url}\n"
        "  export PORTKEY_API_KEY=<a key from the file>\n\n"
        f"{escape(chr(10).join(lines))}\n\n"
        f"Requests so far: {base_url.removesuffix('/v1')}/requests. Press Ctrl+C to stop."
    )

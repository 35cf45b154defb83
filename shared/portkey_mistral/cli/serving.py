"""The sandbox over HTTP, in the foreground."""

from __future__ import annotations

import threading

from rich.console import Console
from rich.panel import Panel

from portkey_mistral.sandbox import server

__all__ = ["serve"]


def serve(console: Console, *, host: str, port: int) -> None:
    """Serve until Ctrl+C, after saying how to point a client at it."""
    with server.running(host, port) as url:
        console.print(Panel(_hint(f"{url}/v1"), title="sandbox", title_align="left", expand=False))
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            console.print("\nThe sandbox is closed.")


def _hint(base_url: str) -> str:
    return (
        f"The offline stand-in for the Mistral API listens at [bold]{base_url}[/]\n\n"
        f"  export MISTRAL_BASE_URL={base_url}\n"
        "  export MISTRAL_API_KEY=sandbox\n\n"
        "Any key will do. Its answers are made by rules, not by a model. Ctrl+C ends it."
    )

"""What calls used and cost, from the state store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from portkey_mistral.client import Client
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.settings.connection import ConnectionSettings
from portkey_mistral.settings.state_url import is_redis
from portkey_mistral.state.outage import SharedStateWarning
from portkey_mistral.state.usage import UsageTotal

__all__ = ["read", "show"]


def read(state: str | None, days: int) -> Sequence[UsageTotal]:
    """Return the usage of the last days.

    Raises:
        ConfigurationError: the store is not one that other processes can read, or it cannot be reached.
    """
    settings = ConnectionSettings() if state is None else ConnectionSettings(state=state)
    if not is_redis(settings.state):
        raise ConfigurationError(
            "state='memory:' is private to the process that makes the calls; Client.usage() reads it there. Pass "
            "--state redis://HOST:PORT/DB, or set PORTKEY_MISTRAL_STATE."
        )
    with warnings.catch_warnings():
        # Without the store this process would report its own usage, which is none.
        warnings.simplefilter("error", SharedStateWarning)
        try:
            return Client.from_settings(settings).usage(days)
        except SharedStateWarning as outage:
            raise ConfigurationError(
                f"The usage could not be read. {outage} If it is only slow, add ?socket_timeout=2 (seconds) to its URL."
            ) from None


def show(console: Console, rows: Sequence[UsageTotal], days: int) -> None:
    """Print the totals by day, by model and by key."""
    calls = [row for row in rows if not row.key]
    if not calls:
        console.print(f"No calls with a budget in the last {days} days.")
        return
    console.print(_table("Day", calls, lambda row: row.day.isoformat()))
    console.print(_table("Model", calls, lambda row: row.model or "(not known)"))
    if keyed := [row for row in rows if row.key]:
        console.print(_table("Key", keyed, lambda row: row.key))
    unknown = sum(row.unknown for row in calls)
    if unknown:
        console.print(f"The cost of {unknown} requests is unknown and not included.")


def _table(heading: str, rows: Sequence[UsageTotal], group: Callable[[UsageTotal], str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(heading, overflow="fold")
    for name in ("Requests", "Tokens in", "Tokens out", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in sorted({group(row) for row in rows}):
        members = [row for row in rows if group(row) == name]
        cost = sum((row.cost for row in members), Decimal(0))
        counts = (
            sum(row.requests for row in members),
            sum(row.prompt_tokens for row in members),
            sum(row.completion_tokens for row in members),
        )
        table.add_row(Text(name), *(f"{count:,}" for count in counts), f"{cost:.6f}")
    table.add_row()
    return table

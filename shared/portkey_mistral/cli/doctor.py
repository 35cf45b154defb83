"""Runs the checks of `portkey-mistral doctor` and prints their findings. Keys are reported as set, never printed."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from portkey_mistral._call.options import transport_options
from portkey_mistral.cli.checks.model_names import check_models, names_of
from portkey_mistral.cli.checks.network import (
    check_certificates,
    check_clock,
    check_library,
    check_proxies,
    reach,
)
from portkey_mistral.cli.checks.packages import check_extras, check_versions
from portkey_mistral.cli.checks.route import check_gateway, check_keys, check_mode, read_settings
from portkey_mistral.cli.checks.variables import check_variables
from portkey_mistral.cli.console import printable
from portkey_mistral.cli.findings import Finding, State
from portkey_mistral.cli.portkey_key import examine_portkey_key, is_portkey_key_alone
from portkey_mistral.client import Client
from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["Finding", "examine", "show_findings"]

_SECONDS = 15.0
_MARKS: Mapping[State, str] = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def examine(*, model: str | None = None, call: bool = False) -> list[Finding]:
    """Run all checks in order. A call is made only with `call`, or if nothing but a Portkey key is configured."""
    findings = [*check_versions(), *check_variables(), *check_certificates(), *check_clock()]
    settings = read_settings()
    if isinstance(settings, Finding):
        return [*findings, settings]
    findings += [
        *check_mode(settings),
        *check_keys(settings),
        *check_gateway(settings),
        *check_library(settings),
        *check_proxies(settings),
        *check_extras(settings, _proxies(settings)),
        *check_models(names_of(settings, model)),
    ]
    patient = settings.model_copy(update={"timeout": _SECONDS, "max_retries": 0})
    if is_portkey_key_alone(settings):
        return [*findings, *examine_portkey_key(Client.from_settings(patient))]
    return [*findings, *reach(patient, model)] if call else findings


def _proxies(settings: ConnectionSettings) -> list[str]:
    url = settings.gateway_url or settings.base_url or ""
    proxy = transport_options(settings).proxy_for(url)
    return [] if proxy is None or settings.mode == "sandbox" else [proxy]


def show_findings(console: Console, findings: list[Finding]) -> None:
    """Print the findings, one per line with its cure below it, and a summary."""
    view = Table.grid(padding=(0, 2))
    area = ""
    is_utf = console.encoding.startswith("utf")
    for finding in findings:
        heading = finding.area if finding.area != area else ""
        mark = _MARKS[finding.state] if is_utf else finding.state
        view.add_row(f"[bold]{heading}[/]", mark, escape(printable(finding.text)))
        if finding.cure:
            view.add_row(
                "", "", f"[cyan]{'→' if is_utf else '->'} {escape(printable(finding.cure))}[/]"
            )
        area = finding.area
    console.print(view)
    bad = sum(finding.state == "bad" for finding in findings)
    verdict = f"[red]{bad} to fix[/]" if bad else "[green]Ready.[/]"
    console.print(f"\n{verdict}")

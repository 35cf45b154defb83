"""What `doctor` looks at. Keys are only ever said to be set, never shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Literal, TypeAlias

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from portkey_mistral import models
from portkey_mistral._calls import missing_keys
from portkey_mistral.client import Client
from portkey_mistral.exceptions import PortkeyMistralError
from portkey_mistral.generation import GenerationSettings
from portkey_mistral.settings import ConnectionSettings
from portkey_mistral.ways import ENVIRONMENT

__all__ = ["Finding", "examine", "show"]

State: TypeAlias = Literal["good", "note", "bad"]

_MARKS: Mapping[State, str] = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}
_PACKAGES = (
    "portkey-mistral",
    "langchain-core",
    "langchain",
    "langgraph",
    "llama-index-core",
    "httpx",
    "pydantic",
    "uvicorn",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. "bad" is what keeps calls from working, "note" what is worth knowing."""

    area: str
    state: State
    text: str


def examine(*, model: str | None = None, reach: bool = False) -> list[Finding]:
    """Look at everything in order; only `reach` makes a call."""
    findings = [*_versions(), *_variables()]
    try:
        settings = ConnectionSettings()
    except PortkeyMistralError as error:
        return [*findings, Finding("way", "bad", error.message)]
    findings += [_way(settings), *_keys(settings)]
    default = GenerationSettings.model_fields["model"].default
    findings += [_model(name) for name in dict.fromkeys([default, model or default])]
    return [*findings, _reached(settings)] if reach else findings


def show(console: Console, findings: list[Finding]) -> None:
    """Print the findings, one a line, and what they come to."""
    view = Table.grid(padding=(0, 2))
    area = ""
    for finding in findings:
        heading = finding.area if finding.area != area else ""
        view.add_row(f"[bold]{heading}[/]", _MARKS[finding.state], escape(finding.text))
        area = finding.area
    console.print(view)
    bad = sum(finding.state == "bad" for finding in findings)
    verdict = f"[red]{bad} to mend[/]" if bad else "[green]Ready.[/]"
    console.print(f"\n{verdict}")


def _versions() -> Iterator[Finding]:
    yield Finding("versions", "good", f"Python {platform.python_version()}")
    for package in _PACKAGES:
        try:
            yield Finding("versions", "good", f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            yield Finding("versions", "note", f"{package} is not installed")


def _variables() -> Iterator[Finding]:
    # Names only: among the values are keys, and URLs in which somebody may have put one.
    known = [name for names in ENVIRONMENT.values() for name in names]
    found = [name for name in known if os.environ.get(name)]
    for name in found:
        yield Finding("environment", "good", f"{name} is set")
    if not found:
        yield Finding("environment", "note", "no MISTRAL_* or PORTKEY_* variable is set")


def _way(settings: ConnectionSettings) -> Finding:
    where = {
        "direct": f"direct to {settings.base_url}",
        "gateway": f"through the Portkey gateway at {settings.gateway_url}",
        "sandbox": "to the embedded sandbox; nothing leaves this process",
    }
    by = "" if settings.portkey_config is None else ", by a Portkey config"
    return Finding("way", "good", where[settings.way] + by)


def _keys(settings: ConnectionSettings) -> Iterator[Finding]:
    for fault in missing_keys(settings):
        yield Finding("way", "bad", fault.message)


def _model(name: str) -> Finding:
    model = models.find(name)
    if model is None:
        return Finding("model", "note", f"{name} is not in the table; it is sent as it is")
    text = f"{name} is {model.id}, {model.status}"
    if model.status in ("ga", "preview"):
        return Finding("model", "good", text)
    return Finding("model", "note", f"{text} since {_since(model)}; {_instead(model)}")


def _since(model: models.ModelInfo) -> str:
    return str(model.retires if model.status == "retired" else model.deprecated)


def _instead(model: models.ModelInfo) -> str:
    return f"use {model.replacement}" if model.replacement else "no replacement is named"


def _reached(settings: ConnectionSettings) -> Finding:
    try:
        cards = Client.from_settings(settings).models()
    except PortkeyMistralError as error:
        return Finding("network", "bad", error.message)
    return Finding("network", "good", f"reached: the service lists {len(cards)} models")

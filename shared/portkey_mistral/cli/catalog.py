"""The model catalog as a table, and one model as a card."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Any, get_args

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from portkey_mistral import models
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.models import ModelInfo, Status

__all__ = ["card", "choose", "find", "footnote", "table", "to_json"]

COLOURS: dict[Status, str] = {
    "ga": "green",
    "preview": "cyan",
    "deprecated": "yellow",
    "retired": "red",
}
# Capabilities of nearly every chat model are left out of the table; the card lists all.
_USUAL = frozenset({"batch", "documents", "prefix", "prediction", "agents", "builtin_tools"})
_ORDER = {capability: position for position, capability in enumerate(get_args(models.Capability))}


def choose(
    *, can: Collection[str], status: Collection[str], everything: bool
) -> Sequence[ModelInfo]:
    """Return the models with all capabilities of `can` and any status of `status`.

    Without `status`, retired models are included only with `everything`.
    """
    _known(can, get_args(models.Capability))
    _known(status, get_args(Status))
    wanted = set(status) or set(get_args(Status)) - (set() if everything else {"retired"})
    return [
        model
        for model in models.all_models()
        if model.status in wanted and model.capabilities.issuperset(can)
    ]


def table(rows: Sequence[ModelInfo]) -> Table:
    """Return a table of models, one per row, with prices in USD per million tokens."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("Model", overflow="fold")
    view.add_column("Status")
    view.add_column("Window", justify="right")
    view.add_column("In $", justify="right")
    view.add_column("Out $", justify="right")
    view.add_column("Can", overflow="fold")
    for model in rows:
        colour = COLOURS[model.status]
        price = model.price
        view.add_row(
            model.label,
            f"[{colour}]{model.status}[/]",
            short(model.context_window),
            money(price.input if price else None),
            money(price.output if price else None),
            " ".join(in_order(model.capabilities - _USUAL)),
        )
    return view


def footnote(rows: Sequence[ModelInfo]) -> str:
    """Return how many models of the catalog are shown, and how to see more."""
    known = models.all_models()
    return (
        f"\n{len(rows)} of {len(known)} models, as of {models.as_of()}. Prices in USD per million "
        "tokens.\nDetails of one model: portkey-mistral models NAME. Include retired models: --all."
    )


def find(name: str) -> ModelInfo:
    """Return a model.

    Raises:
        ConfigurationError: the name is not in the model catalog; the message has the nearest names.
    """
    model = models.find(name)
    if model is None:
        raise ConfigurationError(_unknown(name))
    return model


def to_json(model: ModelInfo) -> dict[str, Any]:
    """Return all facts about a model as JSON values, with its status today."""
    facts = {**dataclasses.asdict(model), "status": model.status}
    return facts | {"capabilities": in_order(model.capabilities)}


def card(name: str) -> Panel:
    """Return a panel with all facts about one model.

    Raises:
        ConfigurationError: the name is not in the model catalog.
    """
    model = find(name)
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for label, text in _facts(model):
        facts.add_row(label, text)
    title = f"[bold]{escape(model.name)}[/] {escape(model.id)}"
    return Panel(facts, title=title, title_align="left", border_style=COLOURS[model.status])


def short(tokens: int | None) -> str:
    """Format a number of tokens: 8k, 128k, 1M."""
    if tokens is None:
        return "-"
    return f"{tokens >> 20}M" if tokens >= 1 << 20 else f"{tokens >> 10}k"


def money(usd: float | None) -> str:
    """Format a price with two decimals, or more if it is not a whole number of cents."""
    if usd is None:
        return "-"
    return f"{usd:.2f}" if round(usd, 2) == usd else f"{usd:g}"


def in_order(capabilities: Collection[str]) -> list[str]:
    """Sort capabilities by importance, chat first."""
    return sorted(capabilities, key=lambda capability: _ORDER[capability])


def _facts(model: ModelInfo) -> list[tuple[str, str]]:
    colour = COLOURS[model.status]
    facts = [
        ("status", f"[{colour}]{model.status}[/]"),
        ("names", ", ".join((model.id, *model.aliases, *model.other_aliases))),
        ("window", f"{model.context_window:,} tokens" if model.context_window else "-"),
        (
            "max output",
            f"{model.max_output_tokens:,} tokens" if model.max_output_tokens else "",
        ),
        ("price", _price(model)),
        ("can", ", ".join(in_order(model.capabilities)) or "unknown"),
        ("reasoning effort", ", ".join(model.reasoning_efforts)),
        ("vectors", _vectors(model)),
        ("released", str(model.released or "")),
        ("deprecated", str(model.deprecated or "")),
        ("retires", str(model.retires or "")),
        ("replacement", model.replacement or ""),
        ("note", model.note or ""),
    ]
    return [(label, text) for label, text in facts if text]


def _price(model: ModelInfo) -> str:
    by_unit = [f"${money(unit.usd)} for {unit.unit}" for unit in model.unit_prices]
    if model.price is None:
        return ", ".join(by_unit)
    sides = {
        "in": model.price.input,
        "out": model.price.output,
        "cached in": model.price.cached_input,
    }
    by_token = ", ".join(f"${money(usd)} {side}" for side, usd in sides.items() if usd is not None)
    return ", ".join([f"{by_token} per million tokens", *by_unit])


def _vectors(model: ModelInfo) -> str:
    if model.dimensions is None:
        return ""
    sizes = f"{model.dimensions} numbers"
    if model.max_dimensions != model.dimensions:
        sizes += f", up to {model.max_dimensions}"
    return f"{sizes}; {', '.join(model.dtypes)}" if model.dtypes else sizes


def _known(given: Collection[str], valid: Sequence[str]) -> None:
    for word in given:
        if word not in valid:
            hint = did_you_mean(word, valid, otherwise=f"use one of {', '.join(valid)}.")
            raise ConfigurationError(f"Unknown value {word!r}; {hint}")


def _unknown(name: str) -> str:
    names = [known for model in models.all_models() for known in (model.id, *model.aliases)]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Similar: {', '.join(near)}." if near else ""
    return (
        f"The model catalog of {models.as_of()} has no {name!r}.{hint} Newer models work all the same: "
        "unknown names are sent unchanged."
    )

"""The model catalog as a table, and one model as a card."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import get_args

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from portkey_mistral import models
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.models import ModelInfo, Status

__all__ = ["card", "choose", "footnote", "table"]

COLOURS: dict[Status, str] = {
    "ga": "green",
    "preview": "cyan",
    "deprecated": "yellow",
    "retired": "red",
}
# What nearly every chat model can do says little in a table; the card has it all.
_USUAL = frozenset({"batch", "documents", "prefix", "prediction", "agents", "builtin_tools"})
_ORDER = {capability: place for place, capability in enumerate(get_args(models.Capability))}


def choose(
    *, can: Collection[str], status: Collection[str], everything: bool
) -> Sequence[ModelInfo]:
    """Return the models to show: those that can all of `can`, and are any of `status`.

    Without `status` retired models are left out, unless `everything` is asked for.
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
    """Lay models out, one a line, with prices in USD for a million tokens."""
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
    """Say how much of the catalog is shown, and how to see more."""
    known = models.all_models()
    return (
        f"\n{len(rows)} of {len(known)} models, as of {models.as_of()}. Prices in USD for a million "
        "tokens.\nOne in full: portkey-mistral models NAME. Retired ones too: --all."
    )


def card(name: str) -> Panel:
    """Return all that is known of one model.

    Raises:
        ConfigurationError: the name is not in the table; the nearest names are given.
    """
    model = models.find(name)
    if model is None:
        raise ConfigurationError(_unknown(name))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    for label, text in _facts(model):
        facts.add_row(label, text)
    title = f"[bold]{escape(model.name)}[/] {escape(model.id)}"
    return Panel(facts, title=title, title_align="left", border_style=COLOURS[model.status])


def short(tokens: int | None) -> str:
    """Write a number of tokens as the field does: 8k, 128k, 1M."""
    if tokens is None:
        return "-"
    return f"{tokens >> 20}M" if tokens >= 1 << 20 else f"{tokens >> 10}k"


def money(usd: float | None) -> str:
    """Write a price with cents, and with more places where it is less than that."""
    if usd is None:
        return "-"
    return f"{usd:.2f}" if round(usd, 2) == usd else f"{usd:g}"


def in_order(capabilities: Collection[str]) -> list[str]:
    """Sort capabilities by importance: chat first."""
    return sorted(capabilities, key=lambda capability: _ORDER[capability])


def _facts(model: ModelInfo) -> list[tuple[str, str]]:
    colour = COLOURS[model.status]
    facts = [
        ("status", f"[{colour}]{model.status}[/]"),
        ("names", ", ".join((model.id, *model.aliases, *model.other_aliases))),
        ("window", f"{model.context_window:,} tokens" if model.context_window else "-"),
        (
            "longest answer",
            f"{model.max_output_tokens:,} tokens" if model.max_output_tokens else "",
        ),
        ("price", _price(model)),
        ("can", ", ".join(in_order(model.capabilities)) or "nothing is on record any more"),
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
            near = get_close_matches(word, valid, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(valid)}."
            raise ConfigurationError(f"{word!r} is not known here; {hint}")


def _unknown(name: str) -> str:
    names = [known for model in models.all_models() for known in (model.id, *model.aliases)]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f" Near it: {', '.join(near)}." if near else ""
    return (
        f"No model {name!r} is on record as of {models.as_of()}.{hint} A newer one works all the same: "
        "names that the table does not know are sent as they are."
    )

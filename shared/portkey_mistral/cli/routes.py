"""A Portkey config drawn as a tree, and played through without sending anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from portkey_mistral.config import Config
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.simulation import HEADINGS, Behaviour, Simulation, simulate

__all__ = ["behaviours", "play", "show", "traffic"]

_WORDS = ("reset", "refused", "timeout")


def show(console: Console, file: Path, *, mermaid: bool = False, svg: Path | None = None) -> None:
    """Print the tree of a config file, as text or as Mermaid; a faulty one raises with its path."""
    config = Config.parse(file)
    if svg is not None:
        _write(console, svg, config.to_svg())
    drawing = config.to_mermaid() if mermaid else config.explain()
    # soft_wrap: a Mermaid line that was broken at the edge of a terminal would not be Mermaid.
    console.print(Text(drawing), soft_wrap=True)


def play(
    console: Console,
    file: Path,
    *,
    requests: int,
    targets: Mapping[str, Behaviour],
    given: Mapping[str, Any],
    rate: float,
    seed: int,
    svg: Path | None = None,
) -> None:
    """Print the tree, and what each target got of simulated requests."""
    config = Config.parse(file)
    played = simulate(config, requests, targets=targets, traffic=given, rate=rate, seed=seed)
    console.print(Text(config.explain()), soft_wrap=True)
    console.print()
    console.print(_table(played))
    console.print(Text(played.summary))
    if svg is not None:
        _write(console, svg, played.to_svg())


def behaviours(
    failures: Sequence[str], slow: Sequence[str], retry_after: Sequence[str]
) -> dict[str, Behaviour]:
    """Read `--fail TARGET=429:0.3`, `--slow TARGET=2.5` and `--retry-after TARGET=10`."""
    found: dict[str, Behaviour] = {}
    for option in failures:
        name, told = _pair(option, "--fail", "TARGET=429:0.3")
        mishap, colon, share = told.partition(":")
        if not colon:
            raise ConfigurationError(f"--fail {option}: expected TARGET=429:0.3.")
        known = found.get(name, Behaviour())
        failing = {**known.failures, _mishap(mishap, option): _number(share, option)}
        found[name] = dataclasses.replace(known, failures=failing)
    for option in slow:
        name, told = _pair(option, "--slow", "TARGET=2.5")
        known = found.get(name, Behaviour())
        found[name] = dataclasses.replace(known, latency=_number(told, option))
    for option in retry_after:
        name, told = _pair(option, "--retry-after", "TARGET=10")
        known = found.get(name, Behaviour())
        found[name] = dataclasses.replace(known, retry_after=_number(told, option))
    return found


def traffic(options: Iterable[str]) -> dict[str, Any]:
    """Read `--with metadata.tier=paid:0.2`; without a share, it holds for every request."""
    found: dict[str, dict[Any, float]] = {}
    for option in options:
        name, told = _pair(option, "--with", "metadata.tier=paid:0.2")
        value, colon, share = told.rpartition(":")
        shares = found.setdefault(name, {})
        if colon and _is_number(share):
            shares[_value(name, value)] = float(share)
        else:
            shares[_value(name, told)] = 1.0
    return found


def _table(played: Simulation) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for at, heading in enumerate(HEADINGS):
        words = at < 2
        table.add_column(
            heading, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for row in played.rows():
        table.add_row(*map(Text, row))
    return table


def _write(console: Console, file: Path, picture: str) -> None:
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}.") from error
    console.print(Text(f"Picture written to {file}"), soft_wrap=True)


def _pair(option: str, flag: str, form: str) -> tuple[str, str]:
    # From the right: a target may have a name with "=" in it, a figure has none.
    name, equals, told = option.rpartition("=")
    if not equals or not name or not told:
        raise ConfigurationError(f"{flag} {option}: expected {form}.")
    return name, told


def _mishap(word: str, option: str) -> Any:
    if word in _WORDS:
        return word
    if word.isdecimal() and 300 <= int(word) <= 599:
        return int(word)
    raise ConfigurationError(
        f"--fail {option}: {word!r} is no status from 300 to 599 and none of {', '.join(_WORDS)}."
    )


def _number(text: str, option: str) -> float:
    if not _is_number(text):
        raise ConfigurationError(f"{option}: {text!r} is no number.")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False


def _value(name: str, text: str) -> Any:
    """Metadata is always text; parameters are what JSON makes of them."""
    if not name.startswith("params."):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float) else text

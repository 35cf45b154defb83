"""Draw a Portkey config as a tree, and simulate traffic through it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from portkey_mistral.cli.console import note
from portkey_mistral.cli.input_files import is_stdin, read_input
from portkey_mistral.config import Config, unknown_keys
from portkey_mistral.exceptions import ConfigurationError, PortkeyMistralError
from portkey_mistral.simulation import HEADINGS, Behaviour, Simulation, simulate

__all__ = ["behaviours", "show", "simulate_traffic", "traffic", "watch"]

_CONNECTION_FAILURES = ("reset", "refused", "timeout")


_SECONDS_BETWEEN_LOOKS = 0.3


def watch(console: Console, file: Path, draw: Callable[[], None]) -> None:
    """Draw a config now and whenever its file changes, until Ctrl+C. An invalid config is reported, and watched on.

    A terminal is cleared before each drawing; other output has them one after the other.
    """
    drawn: tuple[int, int] | None = None
    try:
        while True:
            state = _state_of(file)
            if state is not None and state != drawn:
                console.clear()
                _draw(draw)
                note(f"{datetime.now(UTC).astimezone():%H:%M:%S}  {file}; Ctrl+C ends.")
                drawn = state
            Event().wait(_SECONDS_BETWEEN_LOOKS)
    except KeyboardInterrupt:
        note("")


def _state_of(file: Path) -> tuple[int, int] | None:
    """Return what changes with the content; None while an editor replaces the file."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def _draw(draw: Callable[[], None]) -> None:
    try:
        draw()
    except PortkeyMistralError as error:
        note(f"{type(error).__name__} {error.message}", "red")


def _read(file: Path) -> Config:
    if not is_stdin(file):
        return Config.parse(file)
    try:
        document = json.loads(read_input(file))
    except ValueError as error:
        raise ConfigurationError(f"Standard input is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError("Standard input must be a Portkey config, a JSON object.")
    return Config.parse(document)


def show(console: Console, file: Path, *, mermaid: bool = False, svg: Path | None = None) -> None:
    """Print the tree of a config file, as text or as Mermaid.

    Raises:
        ConfigurationError: the file is not a valid config; the message names the path of the error.
    """
    config = _read(file)
    if svg is not None:
        _write(console, svg, config.to_svg())
    drawing = config.to_mermaid() if mermaid else config.explain()
    # soft_wrap: a Mermaid line broken at the terminal's edge would be invalid.
    console.print(Text(drawing), soft_wrap=True)
    _warn_of_unknown_keys(config)


def simulate_traffic(
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
    """Print the tree and the results of simulated requests per target."""
    config = _read(file)
    simulation = simulate(config, requests, targets=targets, traffic=given, rate=rate, seed=seed)
    console.print(Text(config.explain()), soft_wrap=True)
    _warn_of_unknown_keys(config)
    console.print()
    console.print(_table(simulation))
    console.print(Text(simulation.summary))
    if svg is not None:
        _write(console, svg, simulation.to_svg())


def _warn_of_unknown_keys(config: Config) -> None:
    # On stderr, because the drawing may be redirected to a file.
    errors = Console(stderr=True, highlight=False)
    for path, advice in unknown_keys(config):
        errors.print(Text(f"warning: {path}: {advice}"), soft_wrap=True)


def behaviours(
    failures: Sequence[str], slow: Sequence[str], retry_after: Sequence[str]
) -> dict[str, Behaviour]:
    """Parse `--fail TARGET=429:0.3`, `--slow TARGET=2.5` and `--retry-after TARGET=10`."""
    found: dict[str, Behaviour] = {}
    for option in failures:
        name, value_text = _pair(option, "--fail", "TARGET=429:0.3")
        failure, colon, share = value_text.partition(":")
        if not colon:
            raise ConfigurationError(f"--fail {option}: expected TARGET=429:0.3.")
        known = found.get(name, Behaviour())
        failing = {**known.failures, _failure(failure, option): _number(share, option)}
        found[name] = dataclasses.replace(known, failures=failing)
    for option in slow:
        name, value_text = _pair(option, "--slow", "TARGET=2.5")
        known = found.get(name, Behaviour())
        found[name] = dataclasses.replace(known, latency=_number(value_text, option))
    for option in retry_after:
        name, value_text = _pair(option, "--retry-after", "TARGET=10")
        known = found.get(name, Behaviour())
        found[name] = dataclasses.replace(known, retry_after=_number(value_text, option))
    return found


def traffic(options: Iterable[str]) -> dict[str, Any]:
    """Parse `--with metadata.tier=paid:0.2`; without a share, all requests have the value."""
    found: dict[str, dict[Any, float]] = {}
    for option in options:
        name, value_text = _pair(option, "--with", "metadata.tier=paid:0.2")
        value, colon, share = value_text.rpartition(":")
        shares = found.setdefault(name, {})
        if colon and _is_number(share):
            shares[_value(name, value)] = float(share)
        else:
            shares[_value(name, value_text)] = 1.0
    return found


def _table(simulation: Simulation) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for at, heading in enumerate(HEADINGS):
        words = at < 2
        table.add_column(
            heading, justify="left" if words else "right", no_wrap=not words, overflow="fold"
        )
    for row in simulation.rows():
        table.add_row(*map(Text, row))
    return table


def _write(console: Console, file: Path, picture: str) -> None:
    try:
        file.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"Could not write {file}: {error.strerror}.") from error
    console.print(Text(f"Drawing written to {file}"), soft_wrap=True)


def _pair(option: str, flag: str, form: str) -> tuple[str, str]:
    # From the right: a target's name may contain "=", a number cannot.
    name, equals, value_text = option.rpartition("=")
    if not equals or not name or not value_text:
        raise ConfigurationError(f"{flag} {option}: expected {form}.")
    return name, value_text


def _failure(word: str, option: str) -> Any:
    if word in _CONNECTION_FAILURES:
        return word
    if word.isdecimal() and 300 <= int(word) <= 599:
        return int(word)
    raise ConfigurationError(
        f"--fail {option}: {word!r} is neither a status from 300 to 599 nor one of {', '.join(_CONNECTION_FAILURES)}."
    )


def _number(text: str, option: str) -> float:
    if not _is_number(text):
        raise ConfigurationError(f"{option}: {text!r} is not a number.")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        return float(text) >= 0
    except ValueError:
        return False


def _value(name: str, text: str) -> Any:
    """Metadata values are strings; parameters are parsed as JSON."""
    if not name.startswith("params."):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str | int | float) else text

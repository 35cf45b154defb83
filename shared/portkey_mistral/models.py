"""What is known of Mistral's models: windows, prices, capabilities, what retires and what replaces it.

The table is `models.json`, one model a line in order of release, as of the date in its first line. Names
that it does not know are never refused, so that a model works on the day it appears.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json

from portkey_mistral.exceptions import CapabilityError

__all__ = [
    "DEFAULT_CONTEXT_WINDOW",
    "Capability",
    "ModelInfo",
    "ModelRetiredWarning",
    "Price",
    "Status",
    "UnitPrice",
    "all_models",
    "as_of",
    "check_capabilities",
    "context_window",
    "find",
    "live_models",
    "warn_if_retired",
]

Status: TypeAlias = Literal["preview", "ga", "deprecated", "retired"]
Capability: TypeAlias = Literal[
    "chat",
    "tools",
    "json",
    "vision",
    "audio",
    "reasoning",
    "fim",
    "prefix",
    "prediction",
    "documents",
    "embeddings",
    "moderation",
    "ocr",
    "transcription",
    "speech",
    "batch",
    "agents",
    "builtin_tools",
]

DEFAULT_CONTEXT_WINDOW = 131_072
"""Tokens assumed where no window is known: what Mistral's chat models have had at least since 2024."""

_TABLE = Path(__file__).with_name("models.json")

# Mistral's own models under the names that gateways and other tables give them.
_PREFIXES = ("mistral/", "mistral-ai/", "mistralai/")


class ModelRetiredWarning(UserWarning):
    """The model is past its retirement date; the text names the date and what replaces it."""


@dataclass(frozen=True, slots=True)
class Price:
    """USD for a million tokens. None where nothing is billed that way."""

    input: float
    output: float | None = None
    cached_input: float | None = None


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """USD for one `unit`, where Mistral bills pages, minutes or characters."""

    usd: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model. `aliases` are Mistral's own; `other_aliases` were seen in use but are not documented.

    `context_window` and `max_output_tokens` are in tokens, `dimensions` is the length of a vector when
    none is asked for. A model without `capabilities` is one of which nothing is on record any more.
    """

    id: str
    name: str
    family: Literal["premier", "open", "labs", "third-party"]
    stage: Literal["preview", "ga"] = "ga"
    aliases: tuple[str, ...] = ()
    other_aliases: tuple[str, ...] = ()
    released: date | None = None
    deprecated: date | None = None
    retires: date | None = None
    replacement: str | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None
    unit_prices: tuple[UnitPrice, ...] = ()
    capabilities: frozenset[str] = field(default=frozenset())
    reasoning_efforts: tuple[str, ...] = ()
    dimensions: int | None = None
    max_dimensions: int | None = None
    dtypes: tuple[str, ...] = ()
    note: str | None = None

    @property
    def status(self) -> Status:
        """The status today, by the calendar of UTC."""
        return self.status_on(_today())

    def status_on(self, day: date) -> Status:
        """Return the status on a day, by the announced dates; before them the stage of release."""
        if self.retires and day >= self.retires:
            return "retired"
        if self.deprecated and day >= self.deprecated:
            return "deprecated"
        return self.stage

    @property
    def label(self) -> str:
        """The name to call it by: the `-latest` alias where it has one, else its shortest name."""
        names = [self.id, *(alias for alias in self.aliases if find(alias) is self)]
        return next((name for name in names if name.endswith("-latest")), min(names, key=len))


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = from_json(_TABLE.read_bytes())
    return document


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Return every model on record, in order of release."""
    return tuple(_read(row) for row in _document()["models"])


@cache
def as_of() -> date:
    """Return the date at which the table was last held against Mistral's own pages."""
    return date.fromisoformat(_document()["as_of"])


def live_models(*, needs: Collection[str] = (), today: date | None = None) -> Sequence[ModelInfo]:
    """Return the models that are not retired and have all of these capabilities; previews come last."""
    day = today or _today()
    usable = [
        model
        for model in all_models()
        if model.status_on(day) != "retired" and model.capabilities.issuperset(needs)
    ]
    return sorted(usable, key=lambda model: model.status_on(day) == "preview")


def find(name: str) -> ModelInfo | None:
    """Return the model behind an id, an alias, `@slug/model` or `mistral/model`; None if unknown."""
    return _index().get(_bare(name))


def context_window(name: str) -> int:
    """Return the context window in tokens, `DEFAULT_CONTEXT_WINDOW` where none is known."""
    model = find(name)
    return (model and model.context_window) or DEFAULT_CONTEXT_WINDOW


def warn_if_retired(name: str, *, today: date | None = None) -> None:
    """Warn, once a process and model, that a model is retired, naming the date and its replacement.

    The warning points at the nearest line that belongs neither to this package nor to a framework.
    """
    model = find(name)
    if model is None or model.retires is None or model.id in _warned:
        return
    day = today or _today()
    if model.status_on(day) != "retired":
        return
    _warned.add(model.id)
    warnings.warn(_retired(name, model, day), ModelRetiredWarning, stacklevel=_callers_level())


def check_capabilities(name: str, needs: Collection[str], *, today: date | None = None) -> None:
    """Raise `CapabilityError` if a known model cannot do what is needed, naming models that can.

    `needs` holds values of `Capability`, and also "image_generation" and "fine_tuning", which no model
    offers here. Unknown models, and those of which nothing is on record, pass.
    """
    model = find(name)
    if model is None or not model.capabilities or model.capabilities.issuperset(needs):
        return
    missing = sorted(set(needs) - model.capabilities)
    for need in missing:
        if need in _NOBODY:
            raise CapabilityError(f"{name} cannot {_ABILITY[need]}: {_NOBODY[need]}")
    abilities = " or ".join(_ABILITY.get(need, need) for need in missing)
    can = ", ".join(other.label for other in live_models(needs=needs, today=today))
    advice = f"Models that can: {can}." if can else "No model on record can do all that is asked."
    raise CapabilityError(f"{name} cannot {abilities}. {advice}")


_warned: set[str] = set()

_NOT_THE_CALLER = (
    "portkey_mistral",
    "langchain",
    "llama_index",
    "llamaindex_portkey_mistral",
    "langgraph",
    "asyncio",
    "concurrent",
    "threading",
    "wrapt",
)


def _callers_level() -> int:
    """Return the `stacklevel`, as seen from our caller, of the line that asked for the model."""
    # Python 3.12 has skip_file_prefixes for this.
    here = inspect.currentframe()
    frame, level = here and here.f_back, 1
    while frame and frame.f_back and frame.f_globals["__name__"].startswith(_NOT_THE_CALLER):
        frame, level = frame.f_back, level + 1
    return level


def _today() -> date:
    return datetime.now(UTC).date()


_ABILITY: Mapping[str, str] = {
    "chat": "chat",
    "tools": "call tools",
    "json": "keep to a JSON schema",
    "vision": "read images",
    "audio": "listen to audio",
    "reasoning": "think before it answers",
    "fim": "complete code in the middle",
    "prefix": "go on from a given beginning",
    "prediction": "use a prediction",
    "documents": "read documents",
    "embeddings": "embed texts",
    "moderation": "moderate texts",
    "ocr": "transcribe pages",
    "transcription": "transcribe audio",
    "speech": "speak",
    "builtin_tools": "use Mistral's built-in tools",
    "image_generation": "generate images",
    "fine_tuning": "be fine-tuned",
}

_NOBODY: Mapping[str, str] = {
    "image_generation": "no Mistral model answers a chat with images. Mistral offers image generation as "
    "a tool of its Agents API, which this package does not speak.",
    "fine_tuning": "training jobs are not part of this package. Start them with Mistral's own tools and "
    "pass the id of the finished model as `model`.",
}


@lru_cache(maxsize=1024)  # asked for twice a call
def _bare(name: str) -> str:
    """Take off what Portkey and other tables put before a model's own name."""
    if name.startswith("@"):
        return name.partition("/")[2]
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


@cache
def _index() -> Mapping[str, ModelInfo]:
    # A name that two models have borne belongs to the later one, and an id beats any alias.
    models = all_models()
    unofficial = {alias: model for model in models for alias in model.other_aliases}
    official = {alias: model for model in models for alias in model.aliases}
    return unofficial | official | {model.id: model for model in models}


def _retired(name: str, model: ModelInfo, day: date) -> str:
    who = name if name == model.id else f"{name} ({model.id})"
    return f"{who} was retired by Mistral on {model.retires}. {_way_on(model, day)}"


def _way_on(model: ModelInfo, day: date) -> str:
    successor = find(model.replacement) if model.replacement else None
    if successor is None:
        return "Mistral names no replacement: `portkey-mistral models` lists what is live."
    if successor.status_on(day) != "retired":
        return f"Use {successor.id} instead."
    return f"Its replacement {successor.id} is retired too. {_way_on(successor, day)}"


def _read(row: Mapping[str, Any]) -> ModelInfo:
    usual, longest = row.get("dimensions", (None, None))
    return ModelInfo(
        id=row["id"],
        name=row["name"],
        family=row["family"],
        stage=row.get("stage", "ga"),
        aliases=tuple(row.get("aliases", ())),
        other_aliases=tuple(row.get("other_aliases", ())),
        released=_day(row.get("released")),
        deprecated=_day(row.get("deprecated")),
        retires=_day(row.get("retires")),
        replacement=row.get("replacement"),
        context_window=row.get("window"),
        max_output_tokens=row.get("max_output"),
        price=Price(*row["price"]) if "price" in row else None,
        unit_prices=tuple(UnitPrice(*price) for price in row.get("unit_prices", ())),
        capabilities=frozenset(row.get("can", "").split()),
        reasoning_efforts=tuple(row.get("efforts", ())),
        dimensions=usual,
        max_dimensions=longest,
        dtypes=tuple(row.get("dtypes", ())),
        note=row.get("note"),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None

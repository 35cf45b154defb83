"""The catalog of Mistral's models: context windows, prices, capabilities, retirement dates and replacements.

The data is in `models.json`, one model per line in order of release, with its date in the first line. Models that are
not in it are never refused, so a new one works on the day of its release.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic_core import from_json

from portkey_mistral._providers import is_slug
from portkey_mistral._warnings import user_stacklevel
from portkey_mistral.exceptions import CapabilityError, ConfigurationError
from portkey_mistral.prices import Price, UnitPrice

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
    "common_info",
    "context_window",
    "find",
    "has_own_price",
    "live_models",
    "price_of",
    "prices_as_of",
    "set_price",
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
"""Context window assumed for an unknown model, in tokens: the least of Mistral's chat models since 2024."""

_TABLE = Path(__file__).with_name("models.json")

# Prefixes of Mistral's models in other catalogs.
_PREFIXES = ("mistral/", "mistral-ai/", "mistralai/")


class ModelRetiredWarning(UserWarning):
    """The model is past its retirement date; the message has the date and the replacement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model. `aliases` are Mistral's documented ones; `other_aliases` are in use but not documented.

    `context_window` and `max_output_tokens` are in tokens. `dimensions` is the default length of a vector. `price` is
    that of Mistral's price list; see `set_price` for your own. A
    model without `capabilities` is an old one without further data.
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
        """The status today (UTC)."""
        return self.status_on(_today())

    def status_on(self, day: date) -> Status:
        """Return the status on a day according to the announced dates."""
        if self.retires and day >= self.retires:
            return "retired"
        if self.deprecated and day >= self.deprecated:
            return "deprecated"
        return self.stage

    @property
    def label(self) -> str:
        """A name for users: the `-latest` alias if there is one, else the shortest name."""
        names = [self.id, *(alias for alias in self.aliases if find(alias) is self)]
        return next((name for name in names if name.endswith("-latest")), min(names, key=len))


@cache
def _document() -> Mapping[str, Any]:
    document: Mapping[str, Any] = from_json(_TABLE.read_bytes())
    return document


@cache
def all_models() -> tuple[ModelInfo, ...]:
    """Return all models of the catalog, in order of release."""
    return tuple(_read(row) for row in _document()["models"])


@cache
def as_of() -> date:
    """Return the date on which the catalog was last compared with Mistral's documentation."""
    return date.fromisoformat(_document()["as_of"])


@cache
def prices_as_of() -> date:
    """Return the date on which prices were read from Mistral's documentation; a newer `Price` has its own."""
    return date.fromisoformat(_document()["prices_as_of"])


def live_models(
    *, capabilities: Collection[str] = (), today: date | None = None
) -> Sequence[ModelInfo]:
    """Return the models that are not retired and have all of these capabilities, previews last."""
    day = today or _today()
    usable = [
        model
        for model in all_models()
        if model.status_on(day) != "retired" and model.capabilities.issuperset(capabilities)
    ]
    return sorted(usable, key=lambda model: model.status_on(day) == "preview")


def find(name: str) -> ModelInfo | None:
    """Return the model of an id, an alias, `@slug/model` or `mistral/model`; None if it is not known."""
    return _index().get(_bare(name))


def common_info(names: Sequence[str]) -> ModelInfo | None:
    """Return a model with what all of these have in common; None if none of them is known.

    Limits are the smallest of all, with `DEFAULT_CONTEXT_WINDOW` for an unknown model. Capabilities and reasoning
    efforts are those that all known models share. Everything else is from the first known model.
    """
    known = [info for name in names if (info := find(name)) is not None and info.capabilities]
    if not known or len(names) == 1:
        return known[0] if known else None
    outputs = [info.max_output_tokens for info in known if info.max_output_tokens is not None]
    efforts = set(known[0].reasoning_efforts).intersection(*(i.reasoning_efforts for i in known))
    return replace(
        known[0],
        context_window=min(map(context_window, names)),
        max_output_tokens=min(outputs, default=None),
        capabilities=known[0].capabilities.intersection(*(info.capabilities for info in known)),
        reasoning_efforts=tuple(each for each in known[0].reasoning_efforts if each in efforts),
    )


def context_window(name: str) -> int:
    """Return the context window in tokens; `DEFAULT_CONTEXT_WINDOW` if it is not known."""
    model = find(name)
    return (model and model.context_window) or DEFAULT_CONTEXT_WINDOW


def price_of(name: str) -> Price | None:
    """Return the price of a model: that of `set_price`, else the catalog's; None if it is not known."""
    model = find(name)
    own = _own_prices.get(_bare(name) if model is None else model.id)
    return own or (None if model is None else model.price)


def has_own_price(name: str) -> bool:
    """Return whether `set_price` gave the model a price."""
    if not _own_prices:
        return False
    model = find(name)
    return (_bare(name) if model is None else model.id) in _own_prices


def set_price(name: str, price: Price | None) -> None:
    """Set the price of a model in this process, replacing the catalog's; None restores the catalog's.

    It applies to the model on every server: Mistral's, another provider's, or your own. On Mistral's hosts it is
    multiplied like the catalog's, for a region, the priority tier and batches.

    Examples:
        >>> from datetime import date
        >>> from portkey_mistral.models import Price, set_price
        >>> set_price(
        ...     "gpt-5-mini",
        ...     Price(input=0.25, output=2.0, cached_input=0.025, as_of=date(2026, 11, 30)),
        ... )

    Raises:
        ConfigurationError: a number of the price is negative or not finite.
    """
    model = find(name)
    key = _bare(name) if model is None else model.id
    if price is None:
        _own_prices.pop(key, None)
        return
    rates = (price.input, price.output, price.cached_input)
    if not all(rate is None or (math.isfinite(rate) and rate >= 0) for rate in rates):
        raise ConfigurationError(
            f"The price of {name} must be USD per million tokens, got {price}."
        )
    _own_prices[key] = price


def warn_if_retired(name: str, *, today: date | None = None) -> None:
    """Warn that a model is retired, once per process and model, with the date and the replacement.

    The warning refers to the nearest stack frame outside this package and the frameworks.
    """
    model = find(name)
    if model is None or model.retires is None or model.id in _warned:
        return
    day = today or _today()
    if model.status_on(day) != "retired":
        return
    _warned.add(model.id)
    warnings.warn(_retirement(name, model, day), ModelRetiredWarning, stacklevel=user_stacklevel())


def check_capabilities(name: str, required: Collection[str], *, today: date | None = None) -> None:
    """Raise `CapabilityError` if a known model lacks a required capability; the message names models that have it.

    `required` holds values of `Capability`, or features that no model has here (an answer with images, a training job, a
    tool of agents). Unknown models, and those without `capabilities`, pass.
    """
    model = find(name)
    if model is None or not model.capabilities or model.capabilities.issuperset(required):
        return
    missing = sorted(set(required) - model.capabilities)
    for capability in missing:
        if capability in _UNAVAILABLE:
            raise CapabilityError(
                f"{name} cannot {_ABILITY[capability]}: {_UNAVAILABLE[capability]}"
            )
    abilities = " or ".join(_ABILITY.get(capability, capability) for capability in missing)
    labels = [other.label for other in live_models(capabilities=required, today=today)]
    advice = (
        f"Models that can: {', '.join(labels)}." if labels else "No known model can do all of it."
    )
    raise CapabilityError(f"{name} cannot {abilities}. {advice}")


_warned: set[str] = set()
_own_prices: dict[str, Price] = {}


def _today() -> date:
    return datetime.now(UTC).date()


_ABILITY: Mapping[str, str] = {
    "chat": "chat",
    "tools": "call tools",
    "json": "follow a JSON schema",
    "vision": "read images",
    "audio": "process audio",
    "reasoning": "reason",
    "fim": "complete code in the middle",
    "prefix": "continue a prefix",
    "prediction": "use a prediction",
    "documents": "read documents",
    "embeddings": "embed texts",
    "moderation": "moderate texts",
    "classification": "classify texts",
    "ocr": "transcribe pages",
    "transcription": "transcribe audio",
    "speech": "speak",
    "builtin_tools": "use Mistral's built-in tools",
    "image_generation": "answer with images",
    "web_search": "run web_search",
    "web_search_premium": "run web_search_premium",
    "code_interpreter": "run code_interpreter",
    "fine_tuning": "be fine-tuned",
}

_AGENTS_ONLY = (
    "this built-in tool is part of Mistral's Agents and Conversations APIs, which this package does not support. Chat "
    "completions have image_generation, document_library and connector."
)
_UNAVAILABLE: Mapping[str, str] = {
    "classification": "only your own fine-tuned classifiers do.",
    "image_generation": "no Mistral model does. Mistral generates images by a built-in tool: "
    "tools=[{'type': 'image_generation'}].",
    **dict.fromkeys(("web_search", "web_search_premium", "code_interpreter"), _AGENTS_ONLY),
    "fine_tuning": "training jobs are not part of this package. Start them with Mistral's own tools and "
    "pass the id of the finished model as `model`.",
}


@lru_cache(maxsize=1024)
def _bare(name: str) -> str:
    """Return a model's name without the prefixes of Portkey and other catalogs."""
    if is_slug(name):
        return name.partition("/")[2]
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


@cache
def _index() -> Mapping[str, ModelInfo]:
    # A name of two models belongs to the later one, and an id takes precedence over an alias.
    models = all_models()
    unofficial = {alias: model for model in models for alias in model.other_aliases}
    official = {alias: model for model in models for alias in model.aliases}
    return unofficial | official | {model.id: model for model in models}


def _retirement(name: str, model: ModelInfo, day: date) -> str:
    who = name if name == model.id else f"{name} ({model.id})"
    return f"{who} was retired by Mistral on {model.retires}. {_replacement_advice(model, day)}"


def _replacement_advice(model: ModelInfo, day: date) -> str:
    successor = find(model.replacement) if model.replacement else None
    if successor is None:
        return "Mistral names no replacement: `portkey-mistral models` lists the available models."
    if successor.status_on(day) != "retired":
        return f"Use {successor.id} instead."
    return f"Its replacement {successor.id} is retired too. {_replacement_advice(successor, day)}"


def _read(row: Mapping[str, Any]) -> ModelInfo:
    default, maximum = row.get("dimensions", (None, None))
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
        price=_price(row),
        unit_prices=tuple(UnitPrice(*price) for price in row.get("unit_prices", ())),
        capabilities=frozenset(row.get("can", "").split()),
        reasoning_efforts=tuple(row.get("efforts", ())),
        dimensions=default,
        max_dimensions=maximum,
        dtypes=tuple(row.get("dtypes", ())),
        note=row.get("note"),
    )


def _price(row: Mapping[str, Any]) -> Price | None:
    if "price" not in row:
        return None
    return replace(Price(*row["price"]), as_of=_day(row.get("price_as_of")) or prices_as_of())


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None

"""A Portkey config as frozen values.

Inheritance is resolved when the config is parsed: every `Target` contains its inherited settings, so nothing else has
to look at its ancestors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

from portkey_mistral._providers import MISTRAL, is_slug

__all__ = [
    "COMBINERS",
    "DEFAULT_COOLDOWN",
    "DEFAULT_RETRY_CODES",
    "DEFAULT_STICKY_SECONDS",
    "OPERATORS",
    "SUBJECTS",
    "Breaker",
    "Cache",
    "Condition",
    "Conditional",
    "Fallback",
    "LoadBalance",
    "Node",
    "Retry",
    "Single",
    "Skip",
    "Strategy",
    "Target",
    "leaves",
    "reachable",
]

DEFAULT_RETRY_CODES = (429, 500, 502, 503, 504)

DEFAULT_COOLDOWN = 30.0  # seconds
DEFAULT_STICKY_SECONDS = 3600.0

# The vocabulary of a condition's query.
OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex")
COMBINERS = ("$and", "$or")
SUBJECTS = ("metadata", "params", "url")

Skip: TypeAlias = Literal["capability", "context"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Portkey's `retry`. `attempts` counts sends after the first."""

    attempts: int
    on_status_codes: tuple[int, ...] = DEFAULT_RETRY_CODES
    use_retry_after_header: bool = False


@dataclass(frozen=True, slots=True)
class Cache:
    """Portkey's `cache`. `max_age` is in seconds; with None an answer is kept as long as the store allows."""

    mode: Literal["simple", "semantic"] = "simple"
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """Portkey's `cb_config`: when the circuit breaker of a target opens, and its cooldown in seconds.

    `failure_status_codes` None is Portkey's default: every status above 500. `minimum_requests` applies to the
    percentage only, not to the threshold.
    """

    failure_threshold: int | None = None
    failure_threshold_percentage: float | None = None
    minimum_requests: int | None = None
    cooldown_interval: float = DEFAULT_COOLDOWN
    failure_status_codes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Sticky:
    """Portkey's `strategy.sticky`: calls with equal values of `hash_fields` keep their target for `ttl` seconds.

    A field is `metadata.<name>`, `params.<field of the request>` or `headers.<name>`. Calls that have none of them
    share one target.
    """

    hash_fields: tuple[str, ...] = ()
    ttl: float = DEFAULT_STICKY_SECONDS


@dataclass(frozen=True, slots=True)
class RenamedHeader:
    """An entry `{"from": ..., "to": ...}` of `forward_headers`."""

    source: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A leaf of the tree: one model service, with its inherited settings.

    `path` is Portkey's option path (`config.targets[0]`; `config` for a config without targets).
    `request_timeout` is in seconds. `passthrough` is Portkey's: the request names the provider. `gateway_keys` are the
    other keys that only a gateway supports, unchanged: guardrails, hooks, settings of cloud providers.
    """

    path: str = "config"
    name: str | None = None
    provider: str = MISTRAL
    api_key: SecretStr | None = None
    virtual_key: SecretStr | None = None
    custom_host: str | None = None
    passthrough: bool = False
    weight: float = 1.0
    default_params: Mapping[str, Any] = field(default_factory=dict)
    override_params: Mapping[str, Any] = field(default_factory=dict)
    drop_params: tuple[str, ...] = ()
    retry: Retry | None = None
    cache: Cache | None = None
    breaker: Breaker | None = None
    request_timeout: float | None = None
    forward_headers: tuple[str | RenamedHeader, ...] = ()
    mistral_fim_completion: bool = False
    gateway_keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_resolved_by_portkey(self) -> bool:
        """Whether only Portkey knows the provider, which comes from a virtual key, a slug, a prompt, or the request."""
        return (
            self.passthrough
            or self.virtual_key is not None
            or "prompt_id" in self.gateway_keys
            or is_slug(self.provider)
            or is_slug(self.override_params.get("model"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Always the first target."""

    path: str
    targets: tuple[Node, ...]
    name: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Targets in order until one answers. `on_status_codes` None means every status except 2xx."""

    path: str
    targets: tuple[Node, ...]
    on_status_codes: tuple[int, ...] | None = None
    skip: frozenset[Skip] = frozenset()
    name: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalance:
    """One target by weight. With `failover`, which Portkey does not have, a failed target is replaced by a sibling.

    `on_status_codes` are the statuses that count as failed for `failover`, as in a fallback; the gateway reads
    it for fallbacks only. `sums` are the running totals of the weights, from which targets are drawn.
    """

    path: str
    targets: tuple[Node, ...]
    on_status_codes: tuple[int, ...] | None = None
    sticky: Sticky | None = None
    failover: bool = False
    skip: frozenset[Skip] = frozenset()
    name: str | None = None
    weight: float = 1.0
    weights: tuple[float, ...] = field(init=False, repr=False, compare=False)
    sums: tuple[float, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = tuple(target.weight for target in self.targets)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "sums", tuple(accumulate(weights)))


@dataclass(frozen=True, slots=True)
class Condition:
    """`then` is the name of the target for requests that match `query`."""

    query: Mapping[str, Any]
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """The target of the first condition that matches, else the one named by `default`."""

    path: str
    targets: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    default: str | None = None
    name: str | None = None
    weight: float = 1.0


Strategy: TypeAlias = Single | Fallback | LoadBalance | Conditional
Node: TypeAlias = Target | Strategy


def leaves(node: Node) -> Iterator[Target]:
    """Yield every target, in the order of the config."""
    if isinstance(node, Target):
        yield node
    else:
        for child in node.targets:
            yield from leaves(child)


def reachable(node: Node) -> Iterator[Target]:
    """Yield the targets that a call can reach: only the first of a single, none of weight 0."""
    match node:
        case Target():
            yield node
        case Single():
            yield from reachable(node.targets[0])
        case LoadBalance():
            for child in node.targets:
                if child.weight:
                    yield from reachable(child)
        case _:
            for child in node.targets:
                yield from reachable(child)


def chat_models(node: Node, model: str) -> tuple[str, ...]:
    """Return the models that chat requests for `model` can reach, each once, in the order of the config.

    A target's `override_params` replace the model of the request; a fill-in-the-middle target gets no chats.
    """
    names = [
        target.override_params.get("model") or model
        for target in reachable(node)
        if not target.mistral_fim_completion
    ]
    return tuple(dict.fromkeys(map(str, names))) or (model,)

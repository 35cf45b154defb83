"""What a Portkey config says, as frozen values.

What a child inherits from its parent is settled while reading, so every `Target` holds what is in force for
it and nothing else has to look up the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

__all__ = [
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
]

DEFAULT_RETRY_CODES = (429, 500, 502, 503, 504)

Skip: TypeAlias = Literal["capability", "context"]


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` is the number of extra sends after the first."""

    attempts: int
    on_status_codes: tuple[int, ...] = DEFAULT_RETRY_CODES
    use_retry_after_header: bool = False


@dataclass(frozen=True, slots=True)
class Cache:
    """Portkey's `cache`. `max_age` is in seconds; None keeps an answer for as long as the store does."""

    mode: Literal["simple", "semantic"] = "simple"
    max_age: float | None = None


@dataclass(frozen=True, slots=True)
class Breaker:
    """Portkey's `cb_config`: when a target is taken out of the way, and for how long (seconds).

    `failure_status_codes` None is Portkey's default: every status above 500. `minimum_requests` holds back
    the percentage, not the threshold.
    """

    failure_threshold: int | None = None
    failure_threshold_percentage: float | None = None
    minimum_requests: int | None = None
    cooldown_interval: float = 30.0
    failure_status_codes: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A leaf: one model service, with all that it inherited. `request_timeout` is in seconds.

    `path` is Portkey's option path (`config.targets[0]`, and `config` for a config without targets).
    """

    path: str = "config"
    name: str | None = None
    provider: str = "mistral-ai"
    api_key: SecretStr | None = None
    virtual_key: SecretStr | None = None
    custom_host: str | None = None
    weight: float = 1.0
    override_params: Mapping[str, Any] = field(default_factory=dict)
    retry: Retry | None = None
    cache: Cache | None = None
    breaker: Breaker | None = None
    request_timeout: float | None = None
    forward_headers: tuple[str, ...] = ()
    mistral_fim_completion: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Always the first target."""

    path: str
    targets: tuple[Node, ...]
    name: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Targets in order, until one answers. `on_status_codes` None means every status but 2xx."""

    path: str
    targets: tuple[Node, ...]
    on_status_codes: tuple[int, ...] | None = None
    skip: frozenset[Skip] = frozenset()
    name: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalance:
    """One target by weight. With `failover` (ours) a failed pick goes on to a sibling, by weight again.

    `on_status_codes` says what counts as failed for `failover`, as in a fallback; the gateway reads it for
    fallbacks only. `sums` are those of the targets' weights up to each: every call picks by them.
    """

    path: str
    targets: tuple[Node, ...]
    on_status_codes: tuple[int, ...] | None = None
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
    query: Mapping[str, Any]
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditional:
    """The target named by the first condition that holds, else by `default`."""

    path: str
    targets: tuple[Node, ...]
    conditions: tuple[Condition, ...]
    default: str | None = None
    name: str | None = None
    weight: float = 1.0


Strategy: TypeAlias = Single | Fallback | LoadBalance | Conditional
Node: TypeAlias = Target | Strategy

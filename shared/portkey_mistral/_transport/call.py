"""One call as the drivers see it: a plan to follow, a way to say it, a way to read the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import httpx

from portkey_mistral._engine.outcomes import Attempt, Health, Outcome, Plan
from portkey_mistral._records import record
from portkey_mistral._transport.abandoning import Abandonment
from portkey_mistral._transport.connections import Wiring
from portkey_mistral._transport.permits import Bound
from portkey_mistral._wire.http import HTTPRequest
from portkey_mistral.state import State
from portkey_mistral.ways import Way

__all__ = ["Call", "Lane", "Limits", "Pace", "Resumption", "Sending"]

T = TypeVar("T")
Lane: TypeAlias = Literal["unified", "proxy", "passthrough"]


@record()
class Limits:
    """Seconds, all of them; see `ConnectionSettings` for their meaning."""

    timeout: httpx.Timeout
    first_token: float | None = None
    idle: float | None = None
    bound: Bound | None = None


@record()
class Sending:
    """An attempt said on the wire. `model` is the one that is asked for after overrides.

    `lost_at` names the fields that could not be told to the target with this option path; only the gateway's
    answer says which of its targets that was. `prefix` is what the request puts into the model's mouth.
    """

    request: HTTPRequest
    provider: str
    model: str | None
    lane: Lane | None = None
    lost_at: Callable[[str], tuple[str, ...]] | None = None
    prefix: str = ""

    def lost(self, option_path: str | None) -> tuple[str, ...]:
        """Name the fields that the target which answered was not told."""
        if self.lost_at is None or not option_path:
            return self.request.lost
        return self.lost_at(option_path)


@record()
class Pace:
    """How a request keeps its distance to others with the same key at the same host.

    `tolls` are the seconds that it takes of each rate there is. `wait_after` tells, where given, how long all
    of them have to wait after what came of it (an outcome with its headers).
    """

    tolls: tuple[tuple[str, float], ...]
    wait_after: Callable[[Outcome, Mapping[str, str]], float] | None = None


@record()
class Resumption:
    """When a cut answer may be continued. Both say why not, or None.

    `unfit` judges the attempt whose answer was cut, `unable` one that would have to continue it.
    """

    unfit: Callable[[Attempt], str | None]
    unable: Callable[[Attempt], str | None]


@record(kw_only=True)
class Call(Generic[T]):
    """`say` takes the text that a cut attempt already gave, for the next one to continue.

    `read` takes the parsed body and raises ValueError where it is not what the API promises.
    `prompt_tokens` gives an estimate; it stands in where a cut stream could not report its usage.
    `resumption` is None where the caller would rather have the error. `abandonment` is that of a job of many.
    """

    way: Way
    plan: Callable[[Health], Plan]
    say: Callable[[Attempt, str], Sending]
    read: Callable[[Any], T]
    wiring: Wiring
    limits: Limits
    state: State
    breaker_keys: Mapping[str, str] = field(default_factory=dict)
    pace: Pace | None = None
    deadline: float | None = None
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    trace_id: str | None = None
    streams: bool = False
    resumption: Resumption | None = None
    abandonment: Abandonment | None = None
    prompt_tokens: Callable[[], int] = int  # which gives 0
    refresh_cache: bool = False

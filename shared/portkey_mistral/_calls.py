"""Prepares a call. Here terms and a request come together.

The drivers below know neither; the terms are in `_terms.py`, what is checked in `_checks.py`, what is said in
`_speech.py`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from portkey_mistral import models, residency
from portkey_mistral._checks import check_request
from portkey_mistral._engine.outcomes import Attempt, Outcome, RequestFacts
from portkey_mistral._engine.pacing import seconds_each
from portkey_mistral._engine.plan import plan
from portkey_mistral._prompt_size import PromptSize
from portkey_mistral._records import record
from portkey_mistral._speech import DirectSpeech, GatewaySpeech, Speech
from portkey_mistral._terms import Terms, revealed, terms_of
from portkey_mistral._transport.abandoning import Abandonment
from portkey_mistral._transport.call import Call, Pace, Resumption
from portkey_mistral._wire.gateway import GatewayOptions
from portkey_mistral._wire.mistral import canonical
from portkey_mistral.config import Target
from portkey_mistral.exceptions import (
    ConfigurationError,
    ParameterLossError,
    PortkeyMistralError,
)
from portkey_mistral.needs import needs_of
from portkey_mistral.requests import CallOptions, ChatRequest, Operation, Request
from portkey_mistral.settings import ConnectionSettings
from portkey_mistral.state import State, connect

__all__ = ["Job", "deadline_of", "lost_parameters", "missing_keys", "prepare_call"]

T = TypeVar("T")

_PATHNAMES: Mapping[Operation, str] = {
    "chat": "/v1/chat/completions",
    "fim": "/v1/fim/completions",
    "embed": "/v1/embeddings",
    "moderate": "/v1/moderations",
    "models": "/v1/models",
}
_dice = random.Random()  # noqa: S311  load balancing and jitter, not secrets


@record()
class Job:
    """What requests that belong together have in common.

    `deadline` is when all has to be over. `wait_after` tells how long the others wait after what came of one;
    None where there are no others.
    """

    deadline: float | None
    wait_after: Callable[[Outcome, Mapping[str, str]], float] | None
    abandonment: Abandonment


@record()
class _Asked:
    """A request on its terms, with what is read off it once."""

    terms: Terms
    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]


def prepare_call(
    settings: ConnectionSettings,
    request: Request | None,
    options: CallOptions | None,
    *,
    operation: Operation,
    read: Callable[[Any], T],
    stream: bool = False,
    job: Job | None = None,
) -> Call[T]:
    """Check a request and make the call that a driver can follow. `read` takes the parsed body.

    `job` is given where the request is one of many.

    Raises:
        InvalidRequestError: the request cannot succeed.
        ConfigurationError: a setting or the config stands in its way.
        ResidencyError: a target lies outside the region that was asked for.
    """
    if request is not None:
        check_request(request)
    asked = _ask(settings, request, options, operation=operation, stream=stream)
    terms = asked.terms
    if request is not None:
        _warn_of_retired(terms, request.model)
    if settings.data_residency is not None:
        _check_residency(asked, request)
    facts = _facts(asked, job)
    pace = _pace(settings, facts, job)
    speech = _speech(asked)
    return Call(
        way=terms.way,
        plan=lambda health: plan(terms.root, facts, health, _dice, max_retries=terms.retries),
        say=speech.say,
        read=read,
        wiring=terms.wiring,
        limits=terms.stream_limits if stream else terms.limits,
        state=_state(terms, pace),
        breaker_keys={} if terms.through_gateway else terms.facts.breaker_keys,
        pace=pace,
        deadline=facts.deadline,
        secrets=terms.secrets,
        trace_id=terms.options.trace_id or settings.trace_id,
        streams=stream,
        resumption=_resumption(settings, speech),
        prompt_tokens=facts.prompt_tokens,
        abandonment=None if job is None else job.abandonment,
        refresh_cache=bool(terms.chosen("cache_force_refresh")),
    )


def lost_parameters(
    settings: ConnectionSettings, request: ChatRequest, options: CallOptions | None
) -> tuple[str, ...]:
    """Name the parameters of a request that would be lost on its way; nothing is sent."""
    asked = _ask(settings, request, options, operation="chat", stream=False)
    if not asked.terms.through_gateway:
        return ()
    try:
        _speech(asked).say(Attempt("config", Target()), "")
    except ParameterLossError as loss:
        return loss.parameters
    except PortkeyMistralError:
        return ()  # something else is wrong, which the call itself will tell
    return ()


def missing_keys(settings: ConnectionSettings) -> Iterator[ConfigurationError]:
    """Give the error of each target that a call could not be sent to; nothing is sent."""
    asked = _ask(settings, None, None, operation="models", stream=False)
    speech, terms = _speech(asked), asked.terms
    targets = () if terms.config is None or terms.through_gateway else terms.config.targets()
    for target in targets or (Target(provider=settings.provider),):
        try:
            speech.say(Attempt(target.path, target), "")
        except ConfigurationError as fault:
            yield fault


def _ask(
    settings: ConnectionSettings,
    request: Request | None,
    options: CallOptions | None,
    *,
    operation: Operation,
    stream: bool,
) -> _Asked:
    return _Asked(
        terms_of(settings, options),
        operation,
        stream,
        {} if request is None else canonical(request, stream=stream),
        frozenset() if request is None else needs_of(request),
    )


def _warn_of_retired(terms: Terms, model: str) -> None:
    """Warn of each model that targets may be asked for; an override beats the request's own."""
    for override in terms.facts.models:
        models.warn_if_retired(override or model)


def _check_residency(asked: _Asked, request: Request | None) -> None:
    """Check all of it at each call: a field may have been set, and a config given, after construction."""
    terms, settings = asked.terms, asked.terms.settings
    region = settings.data_residency
    if region is None:
        return
    settings.check_residency(terms.config)
    if terms.through_gateway:
        told = [
            *residency.model_places(terms.config, asked.body.get("model")),
            *residency.header_places(terms.options.headers or {}),
        ]
        residency.check(told, residency=region, declared=settings.residency_hosts)
    if isinstance(request, ChatRequest):
        residency.check_request(request, residency=region, config=terms.config)


def _facts(asked: _Asked, job: Job | None) -> RequestFacts:
    return RequestFacts(
        operation=asked.operation,
        params=asked.body,
        metadata=asked.terms.options.portkey_metadata
        or asked.terms.settings.portkey_metadata
        or {},
        pathname=_PATHNAMES[asked.operation],
        needs=asked.needs,
        prompt_tokens=PromptSize(asked.body),
        deadline=deadline_of(asked.terms.settings) if job is None else job.deadline,
    )


def deadline_of(settings: ConnectionSettings) -> float | None:
    """Return when a call that begins now has to be over, in monotonic seconds."""
    return None if settings.deadline is None else time.monotonic() + settings.deadline


def _pace(settings: ConnectionSettings, facts: RequestFacts, job: Job | None) -> Pace | None:
    tolls: list[tuple[str, float]] = []
    if settings.requests_per_minute is not None:
        tolls.append(("requests", seconds_each(1, settings.requests_per_minute)))
    if settings.tokens_per_minute is not None:
        tolls.append(("tokens", seconds_each(facts.prompt_tokens(), settings.tokens_per_minute)))
    if job is None or job.wait_after is None:
        return Pace(tuple(tolls)) if tolls else None
    # Requests of a job wait for each other also where they keep to no rate.
    return Pace(tuple(tolls) or (("requests", 0.0),), job.wait_after)


def _resumption(settings: ConnectionSettings, speech: Speech) -> Resumption | None:
    if settings.on_interrupt != "resume":
        return None
    return Resumption(speech.unfit, speech.unable)


def _state(terms: Terms, pace: Pace | None) -> State:
    """The store of breakers, answers and turns. A call that has none of them asks none far away."""
    keeps = terms.facts.keeps and not terms.through_gateway
    return connect(terms.settings.state if keeps or pace is not None else "memory:")


def _speech(asked: _Asked) -> Speech:
    url = asked.terms.settings.gateway_url
    return _to_target(asked) if url is None else _to_gateway(asked, url)


def _to_target(asked: _Asked) -> DirectSpeech:
    terms = asked.terms
    return DirectSpeech(
        operation=asked.operation,
        stream=asked.stream,
        body=asked.body,
        needs=asked.needs,
        default_host=terms.default_host,
        default_key=terms.default_key,
        headers=terms.headers,
    )


def _to_gateway(asked: _Asked, url: str) -> GatewaySpeech:
    terms, settings = asked.terms, asked.terms.settings
    return GatewaySpeech(
        operation=asked.operation,
        stream=asked.stream,
        body=asked.body,
        needs=asked.needs,
        options=GatewayOptions(
            url=url,
            portkey_api_key=revealed(settings.portkey_api_key),
            provider=settings.provider,
            virtual_key=revealed(settings.virtual_key),
            config=terms.config,
            api_key=terms.default_key,
            custom_host=settings.base_url,
            trace_id=terms.options.trace_id or settings.trace_id,
            metadata=terms.options.portkey_metadata or settings.portkey_metadata,
            cache_namespace=terms.options.cache_namespace or settings.cache_namespace,
            cache_force_refresh=terms.chosen("cache_force_refresh"),
            forward_headers=tuple(terms.options.forward_headers or settings.forward_headers or ()),
            lane=settings.gateway_lane,
            headers=terms.headers,
        ),
    )

"""Prepares a call. Here settings, a request and the options of one call come together.

The drivers below know none of the three; what is checked is in `_checks.py`, what is said in `_speech.py`.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any, TypeVar

import httpx
from pydantic import SecretStr

from portkey_mistral import models, residency
from portkey_mistral._checks import check_options, check_request
from portkey_mistral._engine.outcomes import Attempt, Outcome, RequestFacts
from portkey_mistral._engine.pacing import seconds_each
from portkey_mistral._engine.plan import plan
from portkey_mistral._speech import DirectSpeech, GatewaySpeech, Speech
from portkey_mistral._transport.abandoning import Abandonment
from portkey_mistral._transport.call import Call, Limits, Pace, Resumption
from portkey_mistral._transport.connections import Wiring
from portkey_mistral._transport.permits import Bound
from portkey_mistral._wire.gateway import GatewayOptions
from portkey_mistral._wire.mistral import canonical
from portkey_mistral.config import Config, Node, Retry, Target
from portkey_mistral.exceptions import (
    ConfigurationError,
    ParameterLossError,
    PortkeyMistralError,
)
from portkey_mistral.needs import needs_of
from portkey_mistral.requests import CallOptions, ChatRequest, Operation, Request
from portkey_mistral.settings import ConnectionSettings
from portkey_mistral.state import State, connect
from portkey_mistral.tokens import BYTES_PER_TOKEN

__all__ = ["Job", "deadline_of", "lost_parameters", "missing_keys", "prepare_call"]

T = TypeVar("T")

_DEFAULT_RETRIES = 2
_TOO_SHORT_TO_BE_KEY = 12
# Behind a slug stands a provider that Portkey keeps; the model is mostly Mistral's all the same.
_MISTRALS = ("mistral-ai", "@")
_USER_AGENT = f"portkey-mistral/{version('portkey-mistral')}"
_PATHNAMES: Mapping[Operation, str] = {
    "chat": "/v1/chat/completions",
    "fim": "/v1/fim/completions",
    "embed": "/v1/embeddings",
    "moderate": "/v1/moderations",
    "models": "/v1/models",
}
_dice = random.Random()  # noqa: S311  load balancing and jitter, not secrets


@dataclass(frozen=True, slots=True)
class Job:
    """What requests that belong together have in common.

    `deadline` is when all has to be over. `wait_after` tells how long the others wait after what came of one;
    None where there are no others.
    """

    deadline: float | None
    wait_after: Callable[[Outcome, Mapping[str, str]], float] | None
    abandonment: Abandonment


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call as it was asked for, with what is read off it once."""

    settings: ConnectionSettings
    options: CallOptions
    config: Config | None
    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    needs: frozenset[str]

    @property
    def through_gateway(self) -> bool:
        return self.settings.way == "gateway"


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
    options = asked.options
    if request is not None:
        _warn_of_retired(asked, request.model)
    _check_residency(asked, request)
    facts, root, retries = _facts(asked, job), _root(asked), _retries(asked)
    pace = _pace(asked, facts, job)
    speech = _speech(asked)
    resumes = settings.on_interrupt == "resume"
    return Call(
        way=settings.way,
        plan=lambda health: plan(root, facts, health, _dice, max_retries=retries),
        say=speech.say,
        read=read,
        wiring=Wiring(
            settings.proxy, settings.ssl_context, settings.http_client, settings.http_async_client
        ),
        limits=_limits(asked),
        state=_state(asked, pace),
        breaker_keys=_breaker_keys(asked),
        pace=pace,
        deadline=facts.deadline,
        secrets=frozenset(_secrets(asked)),
        trace_id=options.trace_id or settings.trace_id,
        streams=stream,
        resumption=Resumption(speech.unfit, speech.unable) if resumes else None,
        prompt_tokens=facts.prompt_tokens,
        abandonment=None if job is None else job.abandonment,
        refresh_cache=bool(_chosen(options.cache_force_refresh, settings.cache_force_refresh)),
    )


def lost_parameters(
    settings: ConnectionSettings, request: ChatRequest, options: CallOptions | None
) -> tuple[str, ...]:
    """Name the parameters of a request that would be lost on its way; nothing is sent."""
    asked = _ask(settings, request, options, operation="chat", stream=False)
    if not asked.through_gateway:
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
    speech, config = _speech(asked), asked.config
    targets = () if config is None or asked.through_gateway else config.targets()
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
    options = options or CallOptions()
    check_options(options)
    return _Asked(
        settings,
        options,
        _config(settings, options),
        operation,
        stream,
        {} if request is None else canonical(request, stream=stream),
        frozenset() if request is None else needs_of(request),
    )


def _config(settings: ConnectionSettings, options: CallOptions) -> Config | None:
    if options.portkey_config is None:
        return settings.portkey_config
    config = Config.parse(options.portkey_config)
    settings.check_config(config)
    return config


def _warn_of_retired(asked: _Asked, model: str) -> None:
    """Warn of each model that targets may be asked for; an override beats the request's own."""
    overrides = (None,) if asked.config is None else _config_facts(asked.config).models
    for override in overrides:
        models.warn_if_retired(override or model)


def _check_residency(asked: _Asked, request: Request | None) -> None:
    """Check all of it at each call: a field may have been set, and a config given, after construction."""
    settings = asked.settings
    if settings.data_residency is None:
        return
    settings.check_residency(asked.config)
    if asked.through_gateway:
        told = [
            *residency.model_places(asked.config, asked.body.get("model")),
            *residency.header_places(asked.options.headers or {}),
        ]
        residency.check(told, residency=settings.data_residency, declared=settings.residency_hosts)
    if isinstance(request, ChatRequest):
        residency.check_request(request, residency=settings.data_residency, config=asked.config)


def _facts(asked: _Asked, job: Job | None) -> RequestFacts:
    settings = asked.settings
    return RequestFacts(
        operation=asked.operation,
        params=asked.body,
        metadata=asked.options.portkey_metadata or settings.portkey_metadata or {},
        pathname=_PATHNAMES[asked.operation],
        needs=asked.needs,
        prompt_tokens=_prompt_tokens(asked.body),
        deadline=deadline_of(settings) if job is None else job.deadline,
    )


def deadline_of(settings: ConnectionSettings) -> float | None:
    """Return when a call that begins now has to be over, in monotonic seconds."""
    return None if settings.deadline is None else time.monotonic() + settings.deadline


def _pace(asked: _Asked, facts: RequestFacts, job: Job | None) -> Pace | None:
    settings = asked.settings
    limits = (
        ("requests", 1, settings.requests_per_minute),
        ("tokens", facts.prompt_tokens, settings.tokens_per_minute),
    )
    tolls = tuple((name, seconds_each(n, most)) for name, n, most in limits if most is not None)
    if job is None or job.wait_after is None:
        return Pace(tolls) if tolls else None
    # Requests of a job wait for each other also where they keep to no rate.
    return Pace(tolls or (("requests", 0.0),), job.wait_after)


def _root(asked: _Asked) -> Node:
    """The tree that our engine follows: the config's; or one target, the gateway or the base URL."""
    if asked.through_gateway:
        # The gateway runs the config. Only a failure to reach the gateway itself is retried from here.
        return Target(provider="gateway", retry=Retry(_retries(asked), on_status_codes=()))
    if asked.config is not None and asked.config.root is not None:
        return asked.config.root
    return Target(provider=asked.settings.provider)


def _retries(asked: _Asked) -> int:
    if asked.settings.max_retries is not None:
        return asked.settings.max_retries
    return 0 if asked.config is not None and not asked.through_gateway else _DEFAULT_RETRIES


def _speech(asked: _Asked) -> Speech:
    url = asked.settings.gateway_url
    return _to_target(asked) if url is None else _to_gateway(asked, url)


def _to_target(asked: _Asked) -> DirectSpeech:
    settings = asked.settings
    return DirectSpeech(
        operation=asked.operation,
        stream=asked.stream,
        body=asked.body,
        needs=asked.needs,
        default_host=settings.base_url or residency.default_host(settings.data_residency),
        default_key=_revealed(settings.api_key),
        headers=_headers(asked),
    )


def _to_gateway(asked: _Asked, url: str) -> GatewaySpeech:
    settings, options = asked.settings, asked.options
    return GatewaySpeech(
        operation=asked.operation,
        stream=asked.stream,
        body=asked.body,
        needs=asked.needs,
        options=GatewayOptions(
            url=url,
            portkey_api_key=_revealed(settings.portkey_api_key),
            provider=settings.provider,
            virtual_key=_revealed(settings.virtual_key),
            config=asked.config,
            api_key=_revealed(settings.api_key),
            custom_host=settings.base_url,
            trace_id=options.trace_id or settings.trace_id,
            metadata=options.portkey_metadata or settings.portkey_metadata,
            cache_namespace=options.cache_namespace or settings.cache_namespace,
            cache_force_refresh=_chosen(options.cache_force_refresh, settings.cache_force_refresh),
            forward_headers=tuple(options.forward_headers or settings.forward_headers or ()),
            lane=settings.gateway_lane,
            headers=_headers(asked),
        ),
    )


def _headers(asked: _Asked) -> dict[str, str]:
    own = {"user-agent": _USER_AGENT}
    return own | (asked.settings.default_headers or {}) | dict(asked.options.headers or {})


def _limits(asked: _Asked) -> Limits:
    settings = asked.settings
    timeout = settings.timeout if asked.options.timeout is None else asked.options.timeout
    return Limits(
        timeout=timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout),
        first_token=settings.first_token_timeout if asked.stream else None,
        idle=settings.idle_timeout if asked.stream else None,
        bound=_bound(asked),
    )


def _bound(asked: _Asked) -> Bound | None:
    settings = asked.settings
    if settings.max_concurrency is None:
        return None
    place = settings.gateway_url or settings.base_url or ""
    key = _revealed(settings.portkey_api_key) or _revealed(settings.api_key) or ""
    digest = hashlib.sha256(f"{place}\0{key}".encode()).hexdigest()
    return Bound(digest, settings.max_concurrency)


def _state(asked: _Asked, pace: Pace | None) -> State:
    """The store of breakers, answers and turns. A call that has none of them asks none far away."""
    config = None if asked.through_gateway else asked.config
    keeps = config is not None and _config_facts(config).keeps
    return connect(asked.settings.state if keeps or pace is not None else "memory:")


def _breaker_keys(asked: _Asked) -> dict[str, str]:
    if asked.through_gateway or asked.config is None:
        return {}
    return _config_facts(asked.config).breaker_keys


def _secrets(asked: _Asked) -> Iterator[str]:
    """Every key that is in play, so that no text of an error can repeat one."""
    settings = asked.settings
    held = [settings.api_key, settings.portkey_api_key, settings.virtual_key]
    yield from (value for value in map(_revealed, held) if value)
    if asked.config is not None:
        yield from _config_facts(asked.config).keys
    for headers in (settings.default_headers, asked.options.headers):
        yield from (
            value for value in (headers or {}).values() if len(value) > _TOO_SHORT_TO_BE_KEY
        )


@dataclass(frozen=True, slots=True)
class _ConfigFacts:
    """What every call asks of all targets of a config. `keeps`: one has a breaker or a cache.

    `models` are those of the targets that are Mistral's; None is the model of the request.
    """

    keeps: bool
    models: tuple[str | None, ...]
    breaker_keys: dict[str, str]
    keys: tuple[str, ...]


@lru_cache(maxsize=64)  # a process has few configs, and one may have a thousand targets
def _config_facts(config: Config) -> _ConfigFacts:
    targets = config.targets()
    held = [_revealed(key) for t in targets for key in (t.api_key, t.virtual_key)]
    named = [_own_model(t) for t in targets if t.provider.startswith(_MISTRALS)]
    return _ConfigFacts(
        any(t.breaker is not None or t.cache is not None for t in targets),
        tuple(dict.fromkeys(named)) if targets else (None,),
        {t.path: f"{config.fingerprint}:{t.path}" for t in targets if t.breaker is not None},
        tuple(key for key in held if key),
    )


def _own_model(target: Target) -> str | None:
    model = target.override_params.get("model")
    return model if isinstance(model, str) else None


def _prompt_tokens(body: Mapping[str, Any]) -> int:
    """A rough size of the prompt, for `strategy.skip` and for the usage of a cut stream."""
    said = body.get("messages") or body.get("prompt") or body.get("input") or ""
    return _text_length(said) // BYTES_PER_TOKEN


def _text_length(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return sum(_text_length(item) for item in value.values())
    if isinstance(value, list):
        return sum(_text_length(item) for item in value)
    return 0


def _revealed(secret: SecretStr | str | None) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _chosen(mine: bool | None, general: bool | None) -> bool | None:
    return general if mine is None else mine

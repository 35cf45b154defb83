"""Prepares a call: resolves its options, checks and encodes the request, and puts the `Call` together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from portkey_mistral import models, residency
from portkey_mistral._api import Operation, path_of
from portkey_mistral._call.builders import DirectRequestBuilder, GatewayRequestBuilder
from portkey_mistral._call.cache_partition import cache_partition
from portkey_mistral._call.options import ResolvedOptions, deadline_of, resolve_options
from portkey_mistral._call.unused_headers import log_unused_headers
from portkey_mistral._call.validate import check_options, check_request, required_capabilities
from portkey_mistral._providers import MISTRAL
from portkey_mistral._redaction import secret_value
from portkey_mistral._routing.outcomes import Attempt, Outcome, RequestFacts
from portkey_mistral._routing.rate_limit import seconds_each
from portkey_mistral._routing.sticky import StickyBalance, sticky_balances
from portkey_mistral._telemetry.observe import observe_call
from portkey_mistral._transport.call import Call, RateLimit, RequestBuilder
from portkey_mistral._transport.cancellation import JobCancellation
from portkey_mistral._transport.observer import Observe
from portkey_mistral._wire.gateway_config import is_out_of_sight
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral._wire.mistral import encode_request
from portkey_mistral._wire.repeated_prefix import assumed_prefix, without_prefix
from portkey_mistral.budget import Account, accounts_of
from portkey_mistral.config.parameter_rules import resolve_parameters
from portkey_mistral.config.values import Target
from portkey_mistral.exceptions import (
    ConfigurationError,
    ParameterLossError,
    PortkeyMistralError,
)
from portkey_mistral.requests import CallOptions, ChatRequest, OCRRequest, Request
from portkey_mistral.responses import ChatResponse
from portkey_mistral.state import State, connect
from portkey_mistral.tokens import PromptSize

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = [
    "Job",
    "is_translated_out_of_sight",
    "lost_parameters",
    "missing_keys",
    "prepare_call",
]

T = TypeVar("T")

_TRACE_PARENT = frozenset({"traceparent", "tracestate"})


@dataclass(frozen=True, slots=True)
class Job:
    """The state that the requests of one job share.

    `deadline` is in monotonic seconds. `wait_after` is called with the outcome and the headers of each attempt and
    returns for how many seconds all requests of the job have to wait; it is None for a job of one request. `observe`
    creates the observers of the job's calls.
    """

    deadline: float | None
    wait_after: Callable[[Outcome, Mapping[str, str]], float] | None
    cancellation: JobCancellation
    observe: Observe = observe_call


def prepare_call(
    settings: ConnectionSettings,
    request: Request | None,
    options: CallOptions | None,
    *,
    operation: Operation,
    decode: Callable[[Any], T],
    stream: bool = False,
    job: Job | None = None,
) -> Call[T]:
    """Check a request and return the call that a driver can run. `decode` takes the parsed body of the answer.

    `job` is set if the request is one of several.

    Raises:
        InvalidRequestError: the request cannot succeed.
        ConfigurationError: a setting or the config does not allow it.
        ResidencyError: a target lies outside the requested region.
    """
    if operation != "models":
        check_request(request, operation)
    resolved = _resolve(settings, options)
    facts = _facts(resolved, request, operation, job, stream=stream)
    if request is not None:
        _warn_of_retired(resolved, request.model)
    if resolved.settings.data_residency is not None:
        _check_residency(resolved, request, facts.params.get("model"))
    rate_limit = _rate_limit(settings, facts, job)
    prefix = assumed_prefix(request, facts.params)
    return Call(
        mode=resolved.mode,
        root=resolve_parameters(resolved.root, facts.params),
        facts=facts,
        builder=_builder(resolved, facts, stream=stream),
        decode=_without_prefix(decode, prefix) if prefix and not stream else decode,
        transport_options=resolved.transport_options,
        limits=resolved.limits(stream=stream),
        state=_state(resolved, rate_limit),
        max_retries=resolved.retries,
        breaker_keys={} if resolved.through_gateway else resolved.config_facts.breaker_keys,
        sticky=_sticky(resolved, facts) if resolved.config_facts.is_sticky else (),
        rate_limit=rate_limit,
        secrets=resolved.secrets,
        trace_id=resolved.trace_id,
        streams=stream,
        resume=settings.on_interrupt == "resume",
        assumed_prefix=prefix,
        cancellation=None if job is None else job.cancellation,
        refresh_cache=bool(resolved.cache_force_refresh),
        cache_partition=_cache_partition(resolved) if resolved.config_facts.needs_state else b"",
        observe=observe_call if job is None else job.observe,
        default_url=resolved.settings.gateway_url or resolved.default_host,
        trace_parent=_trace_parent(resolved.headers) if resolved.headers else {},
        accounts=_accounts(resolved, operation) if resolved.settings.budget else (),
    )


def _without_prefix(decode: Callable[[Any], T], prefix: str) -> Callable[[Any], T]:
    def decode_and_trim(body: Any) -> Any:
        value: Any = decode(body)
        return without_prefix(value, prefix) if isinstance(value, ChatResponse) else value

    return decode_and_trim


def lost_parameters(
    settings: ConnectionSettings, request: ChatRequest, options: CallOptions | None
) -> tuple[str, ...]:
    """Return the names of the parameters that the gateway would drop from a request; nothing is sent."""
    resolved = _resolve(settings, options)
    facts = _facts(resolved, request, "chat", None, stream=False)
    if not resolved.through_gateway:
        return ()
    try:
        _builder(resolved, facts, stream=False).build(Attempt("config", Target()), "")
    except ParameterLossError as loss:
        return loss.parameters
    except PortkeyMistralError:
        return ()  # the call itself raises it
    return ()


def is_translated_out_of_sight(
    settings: ConnectionSettings, request: ChatRequest, options: CallOptions | None
) -> bool:
    """Whether a gateway translates a request for targets that only Portkey knows; nothing is sent."""
    url = settings.gateway_url
    if url is None or settings.gateway_lane in ("proxy", "passthrough"):
        return False
    resolved = _resolve(settings, options)
    body = encode_request(request, stream=False)
    return is_out_of_sight(_gateway_options(resolved, url), body)


def missing_keys(settings: ConnectionSettings) -> Iterator[ConfigurationError]:
    """Yield an error for each target that cannot be sent a request; nothing is sent."""
    resolved = resolve_options(settings, None)
    builder = _builder(resolved, _facts(resolved, None, "models", None, stream=False), stream=False)
    targets = (
        () if resolved.config is None or resolved.through_gateway else resolved.config.targets()
    )
    for target in targets or (Target(provider=settings.provider or MISTRAL),):
        try:
            builder.build(Attempt(target.path, target), "")
        except ConfigurationError as error:
            yield error


def _resolve(settings: ConnectionSettings, options: CallOptions | None) -> ResolvedOptions:
    if options is not None:
        check_options(options)
    return resolve_options(settings, options)


def _facts(
    resolved: ResolvedOptions,
    request: Request | None,
    operation: Operation,
    job: Job | None,
    *,
    stream: bool,
) -> RequestFacts:
    """Encode a request, and return what routing reads of it: its canonical body, and what its model must be capable of."""
    body = {} if request is None else encode_request(request, stream=stream)
    return RequestFacts(
        operation=operation,
        params=body,
        metadata=resolved.portkey_metadata or {},
        pathname=f"/v1{path_of(operation, body)}",
        required_capabilities=frozenset() if request is None else required_capabilities(request),
        prompt_tokens=PromptSize(body),
        deadline=deadline_of(resolved.settings) if job is None else job.deadline,
    )


def _warn_of_retired(resolved: ResolvedOptions, model: str) -> None:
    """Warn about each retired model that the call may use; a target's override replaces the model of the request."""
    for override in resolved.config_facts.models:
        models.warn_if_retired(override or model)


def _check_residency(resolved: ResolvedOptions, request: Request | None, model: object) -> None:
    """Check the whole route again in each call, because fields may be assigned after construction."""
    settings = resolved.settings
    region = settings.data_residency
    settings.check_residency(resolved.config)
    if settings.gateway_url is not None:
        route = [*residency.model_locations(resolved.config, model)]
        options = _gateway_options(resolved, settings.gateway_url)
        if options.lane != "passthrough" and options.uses_default_config(model):
            route.append(residency.default_config_location())
        residency.check(route, residency=region, declared=settings.residency_hosts)
    if isinstance(request, ChatRequest):
        residency.check_request(request, residency=region, config=resolved.config)
    if isinstance(request, OCRRequest):
        residency.check_document(request.document, residency=region)


def _rate_limit(
    settings: ConnectionSettings, facts: RequestFacts, job: Job | None
) -> RateLimit | None:
    reservations: list[tuple[str, float]] = []
    if settings.requests_per_minute is not None:
        reservations.append(("requests", seconds_each(1, settings.requests_per_minute)))
    if settings.tokens_per_minute is not None:
        reservations.append(
            ("tokens", seconds_each(facts.prompt_tokens(), settings.tokens_per_minute))
        )
    if job is None or job.wait_after is None:
        return RateLimit(tuple(reservations)) if reservations else None
    # Requests of a job share a rate limit even without a rate: a 429 for one postpones all.
    return RateLimit(tuple(reservations) or (("requests", 0.0),), job.wait_after)


def _state(resolved: ResolvedOptions, rate_limit: RateLimit | None) -> State:
    """The state store; a call that shares no state uses the one in memory."""
    shares = (
        (resolved.config_facts.needs_state and not resolved.through_gateway)
        or rate_limit is not None
        or resolved.settings.budget
    )
    return connect(resolved.settings.state if shares else "memory:")


def _accounts(resolved: ResolvedOptions, operation: Operation) -> tuple[Account, ...]:
    if operation in ("models", "feedback"):
        return ()
    return accounts_of(resolved.settings.budgets, resolved.portkey_metadata)


def _cache_partition(resolved: ResolvedOptions) -> bytes:
    return cache_partition(resolved.cache_namespace, resolved.portkey_metadata, resolved.headers)


def _sticky(resolved: ResolvedOptions, facts: RequestFacts) -> tuple[StickyBalance, ...]:
    config = resolved.config
    if config is None or resolved.through_gateway:
        return ()
    return sticky_balances(resolved.root, facts, resolved.headers, config.fingerprint)


def _trace_parent(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _TRACE_PARENT & headers.keys()}


def _builder(resolved: ResolvedOptions, facts: RequestFacts, *, stream: bool) -> RequestBuilder:
    url = resolved.settings.gateway_url
    if url is not None:
        return GatewayRequestBuilder(facts, _gateway_options(resolved, url), stream=stream)
    if resolved.config is not None:
        log_unused_headers(resolved.config, resolved.headers, resolved.forward_headers)
    return DirectRequestBuilder(facts, resolved, stream=stream)


def _gateway_options(resolved: ResolvedOptions, url: str) -> GatewayOptions:
    settings = resolved.settings
    region = settings.data_residency
    return GatewayOptions(
        url=url,
        portkey_api_key=secret_value(settings.portkey_api_key),
        provider=settings.provider,
        virtual_key=secret_value(settings.virtual_key),
        config=resolved.config,
        api_key=resolved.default_key,
        custom_host=settings.base_url,
        default_host=None if region is None else residency.default_host(region),
        trace_id=resolved.trace_id,
        metadata=resolved.portkey_metadata,
        cache_namespace=resolved.cache_namespace,
        cache_force_refresh=resolved.cache_force_refresh,
        forward_headers=resolved.forward_headers,
        lane=settings.gateway_lane,
        headers=resolved.headers,
    )

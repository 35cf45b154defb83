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


@dataclass(slots=True)
class _EncodedCall:
    """A request with its options, encoded once."""

    options: ResolvedOptions
    operation: Operation
    stream: bool
    body: Mapping[str, Any]
    required_capabilities: frozenset[str]


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
    encoded = _encode(settings, request, options, operation=operation, stream=stream)
    resolved = encoded.options
    if request is not None:
        _warn_of_retired(resolved, request.model)
    _check_residency(encoded, request)
    facts = _facts(encoded, job)
    rate_limit = _rate_limit(settings, facts, job)
    prefix = assumed_prefix(request, encoded.body)
    return Call(
        mode=resolved.mode,
        root=resolve_parameters(resolved.root, encoded.body),
        facts=facts,
        builder=_builder(encoded),
        decode=_without_prefix(decode, prefix) if prefix and not stream else decode,
        transport_options=resolved.transport_options,
        limits=resolved.limits(stream=stream),
        state=_state(resolved, rate_limit),
        max_retries=resolved.retries,
        breaker_keys={} if resolved.through_gateway else resolved.config_facts.breaker_keys,
        sticky=_sticky(resolved, facts),
        rate_limit=rate_limit,
        secrets=resolved.secrets,
        trace_id=resolved.trace_id,
        streams=stream,
        resume=settings.on_interrupt == "resume",
        assumed_prefix=prefix,
        cancellation=None if job is None else job.cancellation,
        refresh_cache=bool(resolved.cache_force_refresh),
        cache_partition=_cache_partition(resolved),
        observe=observe_call if job is None else job.observe,
        default_url=resolved.settings.gateway_url or resolved.default_host,
        trace_parent={
            name: resolved.headers[name] for name in _TRACE_PARENT & resolved.headers.keys()
        },
        accounts=_accounts(resolved, operation),
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
    encoded = _encode(settings, request, options, operation="chat", stream=False)
    if not encoded.options.through_gateway:
        return ()
    try:
        _builder(encoded).build(Attempt("config", Target()), "")
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
    encoded = _encode(settings, request, options, operation="chat", stream=False)
    return is_out_of_sight(_gateway_options(encoded, url), encoded.body)


def missing_keys(settings: ConnectionSettings) -> Iterator[ConfigurationError]:
    """Yield an error for each target that cannot be sent a request; nothing is sent."""
    encoded = _encode(settings, None, None, operation="models", stream=False)
    builder, resolved = _builder(encoded), encoded.options
    targets = (
        () if resolved.config is None or resolved.through_gateway else resolved.config.targets()
    )
    for target in targets or (Target(provider=settings.provider or MISTRAL),):
        try:
            builder.build(Attempt(target.path, target), "")
        except ConfigurationError as error:
            yield error


def _encode(
    settings: ConnectionSettings,
    request: Request | None,
    options: CallOptions | None,
    *,
    operation: Operation,
    stream: bool,
) -> _EncodedCall:
    if options is not None:
        check_options(options)
    return _EncodedCall(
        resolve_options(settings, options),
        operation,
        stream,
        {} if request is None else encode_request(request, stream=stream),
        frozenset() if request is None else required_capabilities(request),
    )


def _warn_of_retired(resolved: ResolvedOptions, model: str) -> None:
    """Warn about each retired model that the call may use; a target's override replaces the model of the request."""
    for override in resolved.config_facts.models:
        models.warn_if_retired(override or model)


def _check_residency(encoded: _EncodedCall, request: Request | None) -> None:
    """Check the whole route again in each call, because fields may be assigned after construction."""
    resolved, settings = encoded.options, encoded.options.settings
    region = settings.data_residency
    if region is None:
        return
    settings.check_residency(resolved.config)
    if settings.gateway_url is not None:
        model = encoded.body.get("model")
        route = [*residency.model_locations(resolved.config, model)]
        options = _gateway_options(encoded, settings.gateway_url)
        if options.lane != "passthrough" and options.uses_default_config(model):
            route.append(residency.default_config_location())
        residency.check(route, residency=region, declared=settings.residency_hosts)
    if isinstance(request, ChatRequest):
        residency.check_request(request, residency=region, config=resolved.config)
    if isinstance(request, OCRRequest):
        residency.check_document(request.document, residency=region)


def _facts(encoded: _EncodedCall, job: Job | None) -> RequestFacts:
    return RequestFacts(
        operation=encoded.operation,
        params=encoded.body,
        metadata=encoded.options.portkey_metadata or {},
        pathname=f"/v1{path_of(encoded.operation, encoded.body)}",
        required_capabilities=encoded.required_capabilities,
        prompt_tokens=PromptSize(encoded.body),
        deadline=deadline_of(encoded.options.settings) if job is None else job.deadline,
    )


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
    settings = resolved.settings
    shares = (
        resolved.config_facts.needs_state and not resolved.through_gateway,
        rate_limit is not None,
        bool(settings.budgets),
    )
    return connect(settings.state if any(shares) else "memory:")


def _accounts(resolved: ResolvedOptions, operation: Operation) -> tuple[Account, ...]:
    if operation in ("models", "feedback"):
        return ()
    return accounts_of(resolved.settings.budgets, resolved.portkey_metadata)


def _cache_partition(resolved: ResolvedOptions) -> bytes:
    if not resolved.config_facts.needs_state:
        return b""
    return cache_partition(resolved.cache_namespace, resolved.portkey_metadata, resolved.headers)


def _sticky(resolved: ResolvedOptions, facts: RequestFacts) -> tuple[StickyBalance, ...]:
    config = resolved.config
    if config is None or resolved.through_gateway or not resolved.config_facts.is_sticky:
        return ()
    return sticky_balances(resolved.root, facts, resolved.headers, config.fingerprint)


def _builder(encoded: _EncodedCall) -> RequestBuilder:
    url = encoded.options.settings.gateway_url
    return _direct_builder(encoded) if url is None else _gateway_builder(encoded, url)


def _direct_builder(encoded: _EncodedCall) -> DirectRequestBuilder:
    resolved = encoded.options
    if resolved.config is not None:
        log_unused_headers(resolved.config, resolved.headers, resolved.forward_headers)
    return DirectRequestBuilder(
        operation=encoded.operation,
        stream=encoded.stream,
        body=encoded.body,
        required_capabilities=encoded.required_capabilities,
        default_host=resolved.default_host,
        default_key=resolved.default_key,
        has_config=resolved.config is not None,
        headers=resolved.headers,
        forward_headers=resolved.forward_headers,
    )


def _gateway_builder(encoded: _EncodedCall, url: str) -> GatewayRequestBuilder:
    return GatewayRequestBuilder(
        operation=encoded.operation,
        stream=encoded.stream,
        body=encoded.body,
        required_capabilities=encoded.required_capabilities,
        options=_gateway_options(encoded, url),
    )


def _gateway_options(encoded: _EncodedCall, url: str) -> GatewayOptions:
    resolved, settings = encoded.options, encoded.options.settings
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

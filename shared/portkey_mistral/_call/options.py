"""Resolves an object's settings and one call's options."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from portkey_mistral import residency
from portkey_mistral._call.header_arguments import apply_headers
from portkey_mistral._call.keys_to_hide import secrets_of_call
from portkey_mistral._providers import MISTRAL, is_slug
from portkey_mistral._redaction import secret_value, secret_values
from portkey_mistral._routing.sticky import has_sticky
from portkey_mistral._transport.base import Timeouts
from portkey_mistral._transport.call import Limits
from portkey_mistral._transport.concurrency import ConcurrencyLimit
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral.config.config import Config
from portkey_mistral.config.values import Node, Retry, Target
from portkey_mistral.requests import CallOptions
from portkey_mistral.responses import ConnectionMode

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["ConfigFacts", "ResolvedOptions", "deadline_of", "resolve_options", "transport_options"]

T = TypeVar("T")

_DEFAULT_RETRIES = 2
_NO_OPTIONS = CallOptions()


@dataclass(slots=True, kw_only=True)
class ResolvedOptions:
    """The options and settings of one call. Options of the call override settings of the object.

    `root` is the tree that routing in this process follows. `headers` are the user's own, with lower-case names.
    """

    settings: ConnectionSettings
    options: CallOptions
    mode: ConnectionMode
    config: Config | None
    config_facts: ConfigFacts
    root: Node
    retries: int
    transport_options: TransportOptions
    default_host: str
    trace_id: str | None
    portkey_metadata: Mapping[str, str] | None
    cache_force_refresh: bool | None
    forward_headers: tuple[str, ...]
    # Tools that report errors show the repr of local variables.
    default_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @property
    def through_gateway(self) -> bool:
        return self.mode == "gateway"

    @property
    def cache_namespace(self) -> str | None:
        return _chosen(self.options.cache_namespace, self.settings.cache_namespace)

    def limits(self, *, stream: bool = False) -> Limits:
        """Return the limits of a call, with those of a stream where it is one."""
        settings = self.settings
        most = settings.max_concurrency
        return Limits(
            timeout=_timeout(settings, self.options),
            first_token=settings.first_token_timeout if stream else None,
            idle=settings.idle_timeout if stream else None,
            concurrency=None if most is None else _concurrency_limit(settings, most),
            max_bytes=settings.max_response_bytes,
        )


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """Facts about all targets of a config that a call needs.

    `is_sticky` is set if a load balance is sticky, `needs_state` also if a target has a circuit breaker or a cache.
    `models` are those of the targets that are Mistral's; None stands for the model of the request. `breaker_keys` maps
    option paths to keys of the state store. `keys` are the targets' own credentials.
    """

    needs_state: bool = False
    is_sticky: bool = False
    models: tuple[str | None, ...] = (None,)
    breaker_keys: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = field(default=(), repr=False)


_NO_CONFIG = ConfigFacts()


def resolve_options(settings: ConnectionSettings, options: CallOptions | None) -> ResolvedOptions:
    """Merge an object's settings and one call's options. The options have been checked; see `validate.check_options`.

    Raises:
        ConfigurationError: the config or the headers of the options contradict the settings, or each other.
    """
    options = options or _NO_OPTIONS
    headers: dict[str, str] = {}
    if settings.default_headers or options.headers:
        settings, options = apply_headers(settings, options)
        headers = _headers(settings, options)
    config = _config(settings, options)
    mode = settings.mode
    through_gateway = mode == "gateway"
    config_facts = _NO_CONFIG if config is None else _config_facts(config)
    retries = _retries(settings, runs_config=config is not None and not through_gateway)
    refresh = options.cache_force_refresh
    return ResolvedOptions(
        settings=settings,
        options=options,
        mode=mode,
        config=config,
        config_facts=config_facts,
        root=_gateway(retries) if through_gateway else _root(settings, config),
        retries=retries,
        transport_options=transport_options(settings),
        default_host=settings.base_url or residency.default_host(settings.data_residency),
        trace_id=_chosen(options.trace_id, settings.trace_id),
        portkey_metadata=_chosen(options.portkey_metadata, settings.portkey_metadata),
        cache_force_refresh=settings.cache_force_refresh if refresh is None else refresh,
        forward_headers=tuple(_chosen(options.forward_headers, settings.forward_headers) or ()),
        default_key=secret_value(settings.api_key),
        headers=headers,
        secrets=secrets_of_call(settings, options, config_facts.keys),
    )


def _chosen(option: T | None, setting: T | None) -> T | None:
    """Return the option of the call, else the setting. An empty option leaves the setting out of this call."""
    return (setting if option is None else option) or None


def deadline_of(settings: ConnectionSettings) -> float | None:
    """Return the deadline of a call that begins now, in monotonic seconds."""
    return None if settings.deadline is None else time.monotonic() + settings.deadline


def _config(settings: ConnectionSettings, options: CallOptions) -> Config | None:
    if options.portkey_config is None:
        return settings.parsed_config
    config = Config.parse(options.portkey_config)
    settings.check_config(config)
    return config


def _root(settings: ConnectionSettings, config: Config | None) -> Node:
    """Return the config's tree; without one, a single target: the base URL."""
    if config is not None and config.root is not None:
        return config.root
    return _single_target(settings.provider or MISTRAL)


# The next two are made once for each argument, not for each call: targets are immutable, and a process has few of them.
@lru_cache(maxsize=64)
def _single_target(provider: str) -> Target:
    return Target(provider=provider)


@lru_cache(maxsize=64)
def _gateway(retries: int) -> Target:
    # The gateway runs the config; only failures to reach the gateway itself are retried here.
    return Target(provider="gateway", retry=Retry(retries, on_status_codes=()))


def _retries(settings: ConnectionSettings, *, runs_config: bool) -> int:
    if settings.max_retries is not None:
        return settings.max_retries
    return 0 if runs_config else _DEFAULT_RETRIES


def transport_options(settings: ConnectionSettings) -> TransportOptions:
    return TransportOptions(
        proxy=settings.proxy,
        ssl_context=settings.ssl_context,
        http_client=settings.http_client,
        http_async_client=settings.http_async_client,
        library=settings.transport,
        environment_proxies=settings.environment_proxies,
    )


def _timeout(settings: ConnectionSettings, options: CallOptions) -> Timeouts:
    timeout = settings.timeout if options.timeout is None else options.timeout
    if timeout is None or isinstance(timeout, int | float):
        return Timeouts(timeout, timeout, timeout, timeout)
    return Timeouts(timeout.connect, timeout.read, timeout.write, timeout.pool)


def _concurrency_limit(settings: ConnectionSettings, most: int) -> ConcurrencyLimit:
    """The limit that this object shares with all others of the same host and key."""
    host = settings.gateway_url or settings.base_url or ""
    key = secret_value(settings.portkey_api_key) or secret_value(settings.api_key) or ""
    digest = hashlib.sha256(f"{host}\0{key}".encode()).hexdigest()
    return ConcurrencyLimit(digest, most)


def _headers(settings: ConnectionSettings, options: CallOptions) -> dict[str, str]:
    own = {**(settings.default_headers or {}), **(options.headers or {})}
    return {name.lower(): value for name, value in own.items()}


@lru_cache(maxsize=64)  # a process has few configs, but one may have a thousand targets
def _config_facts(config: Config) -> ConfigFacts:
    targets = config.targets()
    models = [_own_model(t) for t in targets if _may_be_mistral(t)]
    sticky = config.root is not None and has_sticky(config.root)
    return ConfigFacts(
        needs_state=sticky or any(t.breaker is not None or t.cache is not None for t in targets),
        is_sticky=sticky,
        models=tuple(dict.fromkeys(models)) if targets else (None,),
        breaker_keys={
            t.path: f"{config.fingerprint}:{t.path}" for t in targets if t.breaker is not None
        },
        keys=tuple(filter(None, secret_values(config.document))),
    )


def _may_be_mistral(target: Target) -> bool:
    # A slug names a provider that is stored at Portkey; for this package that is usually Mistral.
    return target.provider == MISTRAL or is_slug(target.provider)


def _own_model(target: Target) -> str | None:
    model = target.override_params.get("model")
    return model if isinstance(model, str) else None

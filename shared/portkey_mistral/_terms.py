"""On what terms a call is made: what the settings of an object and the options of one call come to.

An object's terms are worked out once and kept until one of its fields is another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import Any

import httpx
from pydantic import SecretStr

from portkey_mistral import residency
from portkey_mistral._checks import check_options
from portkey_mistral._records import record
from portkey_mistral._transport.call import Limits
from portkey_mistral._transport.connections import Wiring
from portkey_mistral._transport.permits import Bound
from portkey_mistral._version import __version__
from portkey_mistral.config import Config, Node, Retry, Target
from portkey_mistral.requests import CallOptions
from portkey_mistral.settings import ConnectionSettings, memo_of
from portkey_mistral.ways import Way

__all__ = ["ConfigFacts", "Terms", "revealed", "terms_of"]

_DEFAULT_RETRIES = 2
_TOO_SHORT_TO_BE_KEY = 12
# Behind a slug stands a provider that Portkey keeps; the model is mostly Mistral's all the same.
_MISTRALS = ("mistral-ai", "@")
_USER_AGENT = f"portkey-mistral/{__version__}"
_NO_OPTIONS = CallOptions()


@record()
class Terms:
    """`root` is the tree that our engine follows.

    `headers` are the user's own, with our name among them; their names are in lower case.
    """

    settings: ConnectionSettings
    options: CallOptions
    config: Config | None
    facts: ConfigFacts
    way: Way
    root: Node
    retries: int
    wiring: Wiring
    limits: Limits
    stream_limits: Limits
    default_host: str
    # Tools that report errors print what a frame holds.
    default_key: str | None = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secrets: frozenset[str] = field(repr=False)

    @property
    def through_gateway(self) -> bool:
        return self.way == "gateway"

    def chosen(self, name: str) -> Any:
        """Return what the options say of something that the settings say too."""
        mine = getattr(self.options, name)
        return getattr(self.settings, name) if mine is None else mine


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What every call asks of all targets of a config. `keeps`: one has a breaker or a cache.

    `models` are those of the targets that are Mistral's; None is the model of the request.
    """

    keeps: bool = False
    models: tuple[str | None, ...] = (None,)
    breaker_keys: Mapping[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = field(default=(), repr=False)


def terms_of(settings: ConnectionSettings, options: CallOptions | None) -> Terms:
    """Work out the terms of a call.

    Raises:
        InvalidRequestError: an option is of the wrong kind.
        ConfigurationError: the config of the options does not go with the settings.
    """
    if options is not None and options != _NO_OPTIONS:
        check_options(options)
        return _worked_out(settings, options)
    now = _fields(vars(settings)), *(settings.default_headers or {}).items()
    memo = memo_of(settings)
    if (kept := memo.kept) is None or kept[0] != now:
        kept = memo.kept = now, _worked_out(settings, _NO_OPTIONS)
    return kept[1]


# A field may be assigned after construction. Headers may also be changed in place, so they are looked at.
_fields = itemgetter(*ConnectionSettings.model_fields)


def _worked_out(settings: ConnectionSettings, options: CallOptions) -> Terms:
    config = _config(settings, options)
    through_gateway = settings.way == "gateway"
    facts = ConfigFacts() if config is None else _config_facts(config)
    retries = _retries(settings, runs_config=config is not None and not through_gateway)
    return Terms(
        settings=settings,
        options=options,
        config=config,
        facts=facts,
        way=settings.way,
        root=_root(settings, config, retries),
        retries=retries,
        wiring=Wiring(
            settings.proxy, settings.ssl_context, settings.http_client, settings.http_async_client
        ),
        limits=_limits(settings, options, stream=False),
        stream_limits=_limits(settings, options, stream=True),
        default_host=settings.base_url or residency.default_host(settings.data_residency),
        default_key=revealed(settings.api_key),
        headers=_headers(settings, options),
        secrets=frozenset(_secrets(settings, options, facts)),
    )


def _config(settings: ConnectionSettings, options: CallOptions) -> Config | None:
    if options.portkey_config is None:
        return settings.portkey_config
    config = Config.parse(options.portkey_config)
    settings.check_config(config)
    return config


def _root(settings: ConnectionSettings, config: Config | None, retries: int) -> Node:
    """The config's tree; or one target, the gateway or the base URL."""
    if settings.way == "gateway":
        # The gateway runs the config. Only a failure to reach the gateway itself is retried from here.
        return Target(provider="gateway", retry=Retry(retries, on_status_codes=()))
    if config is not None and config.root is not None:
        return config.root
    return Target(provider=settings.provider)


def _retries(settings: ConnectionSettings, *, runs_config: bool) -> int:
    if settings.max_retries is not None:
        return settings.max_retries
    return 0 if runs_config else _DEFAULT_RETRIES


def _limits(settings: ConnectionSettings, options: CallOptions, *, stream: bool) -> Limits:
    return Limits(
        timeout=_timeout(settings, options),
        first_token=settings.first_token_timeout if stream else None,
        idle=settings.idle_timeout if stream else None,
        bound=_bound(settings),
    )


def _timeout(settings: ConnectionSettings, options: CallOptions) -> httpx.Timeout:
    timeout = settings.timeout if options.timeout is None else options.timeout
    return timeout if isinstance(timeout, httpx.Timeout) else httpx.Timeout(timeout)


def _bound(settings: ConnectionSettings) -> Bound | None:
    if settings.max_concurrency is None:
        return None
    place = settings.gateway_url or settings.base_url or ""
    key = revealed(settings.portkey_api_key) or revealed(settings.api_key) or ""
    digest = hashlib.sha256(f"{place}\0{key}".encode()).hexdigest()
    return Bound(digest, settings.max_concurrency)


def _headers(settings: ConnectionSettings, options: CallOptions) -> dict[str, str]:
    said = {**(settings.default_headers or {}), **(options.headers or {})}
    return {"user-agent": _USER_AGENT} | {name.lower(): value for name, value in said.items()}


def _secrets(
    settings: ConnectionSettings, options: CallOptions, facts: ConfigFacts
) -> Iterator[str]:
    """Every key that is in play, so that no text of an error can repeat one."""
    held = [settings.api_key, settings.portkey_api_key, settings.virtual_key]
    yield from (value for value in map(revealed, held) if value)
    yield from facts.keys
    for headers in (settings.default_headers, options.headers):
        yield from (
            value for value in (headers or {}).values() if len(value) > _TOO_SHORT_TO_BE_KEY
        )


@lru_cache(maxsize=64)  # a process has few configs, and one may have a thousand targets
def _config_facts(config: Config) -> ConfigFacts:
    targets = config.targets()
    held = [revealed(key) for t in targets for key in (t.api_key, t.virtual_key)]
    named = [_own_model(t) for t in targets if t.provider.startswith(_MISTRALS)]
    return ConfigFacts(
        any(t.breaker is not None or t.cache is not None for t in targets),
        tuple(dict.fromkeys(named)) if targets else (None,),
        {t.path: f"{config.fingerprint}:{t.path}" for t in targets if t.breaker is not None},
        tuple(key for key in held if key),
    )


def _own_model(target: Target) -> str | None:
    model = target.override_params.get("model")
    return model if isinstance(model, str) else None


def revealed(secret: SecretStr | str | None) -> str | None:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret

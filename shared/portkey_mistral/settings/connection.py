"""The connection fields that all public classes inherit: keys, URLs, config, timeouts, limits.

Both frameworks rebuild objects by passing every field to `__init__` (unpickling, `configurable_fields`). The rebuilt
object has the same mode, because `mode.resolve` keeps only the fields that its mode uses. Connections, circuit breakers
and limits belong to the process, not to the object: copies share them, and an assigned key or URL takes effect at the
next call.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from portkey_mistral import residency
from portkey_mistral._providers import is_open_source_gateway
from portkey_mistral._redaction import without_password
from portkey_mistral.budget import Budget
from portkey_mistral.config import validators
from portkey_mistral.config.config import Config
from portkey_mistral.config.mode_support import check_direct_config, check_gateway_config
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import CALL_OPTIONS
from portkey_mistral.responses import ConnectionMode, GatewayLane
from portkey_mistral.settings import mode
from portkey_mistral.settings.arguments import argument_names, by_field, explain, refuse_settings
from portkey_mistral.settings.field_docstrings import DocumentedFields
from portkey_mistral.settings.httpx_types import (
    MAX_SECONDS,
    AsyncClient,
    Client,
    Timeout,
    is_seconds,
    is_timeout,
)
from portkey_mistral.settings.limits import MAX_RESPONSE_BYTES
from portkey_mistral.settings.proxies import EnvironmentProxies
from portkey_mistral.settings.state_url import check_state_url

__all__ = [
    "MODEL_CONFIG",
    "ONLY_AT_CONSTRUCTION",
    "SETTING_NAMES",
    "BodyExtras",
    "ConnectionSettings",
]

# With several bases pydantic uses the config of the last one, so every concrete class repeats this one.
MODEL_CONFIG = ConfigDict(
    extra="forbid",
    hide_input_in_errors=True,
    validate_by_name=True,
    validate_by_alias=True,
    arbitrary_types_allowed=True,
    protected_namespaces=(),
)

# What the constructors take is converted: a key to a SecretStr, a config to a Config, a list to a tuple.
if TYPE_CHECKING:
    Secret = SecretStr | str
    PortkeyConfig = Config | Mapping[str, Any] | str | Path
    Budgets = Budget | Sequence[Budget]
else:
    Secret = SecretStr
    PortkeyConfig = Config
    Budgets = Budget | tuple[Budget, ...]

_PROXY_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")


class ConnectionSettings(DocumentedFields):
    """How to reach a model: keys, URLs, Portkey config, timeouts and limits. Every public class inherits these fields.

    Arguments override environment variables. No key is needed to construct an object; the first call without one raises
    `ConfigurationError`, which names the variables to set. Keys are `SecretStr`, and do not appear in reprs and dumps.

    Raises:
        ConfigurationError: for an unknown argument (the message suggests the nearest one), an invalid value or Portkey
            config, or settings that contradict each other.
        ResidencyError: a target is outside the region of `data_residency`.
    """

    model_config = MODEL_CONFIG

    api_key: Secret | None = Field(
        default=None,
        validation_alias=AliasChoices("api_key", "mistral_api_key"),
        exclude=True,
        repr=False,
    )
    """Mistral API key. Through a gateway it is sent to targets without a key of their own, unless a slug, a virtual key
    or a saved config refers to a stored key. Environment: MISTRAL_API_KEY.
    """
    base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("base_url", "api_base", "endpoint")
    )
    """Base URL of a Mistral-compatible API, https://api.mistral.ai/v1 by default; /v1 is appended to a bare host.
    'sandbox:' is the embedded sandbox. With a gateway: custom host of the target. A URL of hosted Portkey, or that of
    PORTKEY_GATEWAY_URL, is read as gateway_url. Environment: MISTRAL_BASE_URL or MISTRAL_ENDPOINT.
    """
    portkey_api_key: Secret | None = Field(default=None, exclude=True, repr=False)
    """Portkey API key. Selects the gateway. Environment: PORTKEY_API_KEY."""
    gateway_url: str | None = None
    """URL of a Portkey gateway, http://localhost:8787/v1 for example; hosted Portkey if another argument selects the
    gateway. Environment: PORTKEY_GATEWAY_URL or PORTKEY_BASE_URL.
    """
    portkey_config: PortkeyConfig | None = Field(
        default=None, validation_alias=AliasChoices("portkey_config", "config")
    )
    """Portkey config: a mapping, JSON text, the path of a JSON file, a Config, or the slug 'pc-...' of a config that is
    stored at Portkey, which selects the gateway. Environment: PORTKEY_CONFIG.
    """
    provider: str | None = None
    """Provider of the target if there is no config: 'mistral-ai' unless something else names one. A slug '@...' of
    Portkey's model catalog selects the gateway. Environment: PORTKEY_PROVIDER.
    """
    virtual_key: Secret | None = Field(default=None, exclude=True, repr=False)
    """Portkey virtual key. Selects the gateway. Environment: PORTKEY_VIRTUAL_KEY."""
    trace_id: str | None = None
    """Portkey trace id. Also per call."""
    portkey_metadata: dict[str, str] | None = None
    """Portkey metadata, which conditional routing can test. Also per call."""
    cache_namespace: str | None = None
    """Partition of the cache; by default determined by portkey_metadata and your headers. Also per call."""
    cache_force_refresh: bool | None = None
    """True requests a new answer and stores it, if the config has a cache. Also per call."""
    forward_headers: list[str] | None = None
    """Names of your headers that are sent to every target, instead of the targets' own lists. Also per call."""
    gateway_lane: GatewayLane = "auto"
    """Lane through the gateway: 'auto' loses no parameter, 'unified' is translated for each provider, 'proxy' keeps
    every parameter but skips guardrails, 'passthrough' sends requests unchanged to one host.
    """
    data_residency: Literal["eu", "us"] | None = None
    """Region that no request may leave: every target not known to be in it is refused. Environment:
    MISTRAL_DATA_RESIDENCY.
    """
    residency_hosts: dict[str, str] = Field(default_factory=dict)
    """Regions of hosts that you declare: {'llm.example.eu': 'eu'}."""
    timeout: float | Timeout | None = 120.0
    """Limit of one attempt in seconds, for each of connecting, reading and writing as in httpx; or an httpx.Timeout.
    None waits for ever. Also per call.
    """
    first_token_timeout: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    """Streams: seconds until the first content event."""
    idle_timeout: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    """Streams: maximum seconds between two events."""
    deadline: float | None = Field(default=None, gt=0, le=MAX_SECONDS)
    """Limit of the whole call with all its attempts, in seconds."""
    max_retries: int | None = Field(default=None, ge=0)
    """Retries per target, unless the config has `retry` for it. By default 2, or 0 with a config, as in the gateway."""
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        validation_alias=AliasChoices("max_concurrency", "max_concurrent_requests"),
    )
    """Maximum number of requests in flight per host and key. A request counts until the end of its response."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """Maximum requests per minute per host and key, evenly spaced, and shared by everything with the same `state`."""
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """The same for the estimated tokens of prompts and texts."""
    on_interrupt: Literal["raise", "resume"] = "raise"
    """What to do if a stream breaks off after its first content: 'resume' continues the answer on the next attempt
    where that is possible.
    """
    state: str = Field(default="memory:", repr=False)
    """Store of circuit breakers, cached answers, sticky choices and rate limits: 'memory:' for this process, or
    'redis://...', shared by all with the same URL. Dumps omit its password. Environment: PORTKEY_MISTRAL_STATE.
    """
    budget: Budgets | None = None
    """How much calls may cost together, in `state`: a Budget, or several. A request that would exceed one is not sent
    (`BudgetExceededError`).
    """
    embed_resume: str | None = None
    """Path of an SQLite file that lets an embedding job resume after it was stopped."""
    default_headers: dict[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Headers of every request to the gateway, or to the model's host. With a config, a target is sent only the headers
    named in its forward_headers. Headers that begin with x-portkey- (as written by Portkey's createHeaders) select the
    gateway, and are read as the equivalent arguments.
    """
    proxy: str | None = Field(default=None, exclude=True, repr=False)
    """URL of a proxy for every host. Environment, read when the object is created: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY,
    and NO_PROXY for hosts that need none.
    """
    ssl_context: ssl.SSLContext | None = Field(default=None, exclude=True, repr=False)
    """TLS settings; certifi's authorities by default. Environment: SSL_CERT_FILE, SSL_CERT_DIR."""
    transport: Literal["auto", "httpx"] = "auto"
    """HTTP library: 'auto' is urllib3 for sync and aiohttp for async calls, and httpx where it is needed; 'httpx' is
    always httpx. Environment: PORTKEY_MISTRAL_TRANSPORT.
    """
    max_response_bytes: int = Field(default=MAX_RESPONSE_BYTES, ge=1)
    """Maximum size of a decoded response body, and of one event of a stream."""
    http_client: Client | None = Field(default=None, exclude=True, repr=False)
    """An httpx or httpx2 client for sync calls. It is used as it is, and never closed."""
    http_async_client: AsyncClient | None = Field(
        default=None,
        validation_alias=AliasChoices("http_async_client", "async_http_client"),
        exclude=True,
        repr=False,
    )
    """An httpx or httpx2 client for async calls. It is used as it is, and never closed."""

    _environment_proxies: EnvironmentProxies = PrivateAttr(default_factory=EnvironmentProxies.read)

    # Type checkers see the signature that pydantic derives from the fields.
    if not TYPE_CHECKING:

        def __init__(self, *args: Any, **values: Any) -> None:
            try:
                super().__init__(*args, **values)
            except ValidationError as error:
                # pydantic's own message contains the inputs, keys among them.
                raise ConfigurationError(explain(error, type(self))) from None

    @field_validator("api_key", "portkey_api_key", "virtual_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None or not key.get_secret_value():
            return key
        return validators.secret(key, str(info.field_name))

    @field_validator("provider")
    @classmethod
    def _check_provider(cls, name: str | None) -> str | None:
        return name and validators.provider(name, "provider")

    @field_validator("default_headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        return headers and validators.headers(headers, "default_headers")

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, url: str | None) -> str | None:
        # httpx's own error would contain the URL, and with it the proxy's password.
        if url is None or (
            url.lower().startswith(_PROXY_SCHEMES) and validators.is_host_url(url.rstrip("/"))
        ):
            return url
        raise ValueError(
            f"proxy must be a URL that begins with {', '.join(_PROXY_SCHEMES)}, for example "
            "'http://proxy.example:3128'; percent-encode special characters of its password."
        )

    @field_validator("budget", mode="before")
    @classmethod
    def _read_budget(cls, value: Any) -> Any:
        several = value if isinstance(value, list | tuple) else (value,)
        # A mapping is one of a dump.
        if all(isinstance(each, Budget | dict | None) for each in several):
            return value
        raise ValueError(
            "budget must be a Budget or a list of them, for example Budget(5, per='day')."
        )

    @field_validator("state")
    @classmethod
    def _check_state(cls, url: str) -> str:
        check_state_url(url)
        return url

    @field_serializer("state")
    def _dump_state(self, url: str) -> str:
        return without_password(url)

    @model_validator(mode="before")
    @classmethod
    def _resolve_mode(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        connection, others = by_field(values, ConnectionSettings)
        if connection.get("portkey_config") is not None:
            connection["portkey_config"] = Config.parse(connection["portkey_config"])
        return others | mode.resolve(connection, os.environ)

    @field_serializer("timeout", when_used="json")
    def _write_timeout(self, timeout: float | Timeout | None) -> Any:
        return timeout if timeout is None or isinstance(timeout, int | float) else timeout.as_dict()

    @field_validator("timeout", mode="before")
    @classmethod
    def _read_timeout(cls, value: Any) -> Any:
        if isinstance(value, dict):
            import httpx

            value = httpx.Timeout(**value)
        if value is None or is_timeout(value) or is_seconds(_number(value)):
            return value
        raise ValueError(
            "timeout must be a number of seconds above 0, None (waits for ever) or an httpx.Timeout of these."
        )

    @model_validator(mode="after")
    def _check_route(self) -> Self:
        if self.parsed_config is not None:
            self.check_config(self.parsed_config)
        self.check_residency(self.parsed_config)
        return self

    def check_config(self, config: Config) -> None:
        """Raise `ConfigurationError` for parts of a config that this mode does not support."""
        if self.gateway_url is None:
            check_direct_config(config)
        else:
            open_source = is_open_source_gateway(self.gateway_url, self.portkey_api_key)
            check_gateway_config(config, hosted=not open_source)

    def check_residency(self, config: Config | None) -> None:
        """Raise `ResidencyError` if a call could leave the requested region."""
        if self.data_residency is None:
            return
        # The passthrough lane ignores provider and virtual key, and sends to a host by its URL.
        is_passthrough = self.gateway_url is not None and self.gateway_lane == "passthrough"
        route = [
            *residency.route(
                config,
                base_url=self.base_url,
                default_host=residency.default_host(self.data_residency),
                gateway_url=self.gateway_url,
                provider=None if is_passthrough else self.provider,
                virtual_key=self.virtual_key is not None and not is_passthrough,
            ),
            *self._state_location(config),
        ]
        residency.check(route, residency=self.data_residency, declared=self.residency_hosts)

    def _state_location(self, config: Config | None) -> Iterator[tuple[str, str]]:
        """Yield (path, location) of the state store if it has data: cached answers, or the keys of budgets."""
        caches = config is not None and any(target.cache for target in config.targets())
        if self.budget is not None and not self.state.startswith("memory:"):
            yield "state", urlsplit(self.state).hostname or "localhost"
        elif caches and self.gateway_url is None and not self.state.startswith("memory:"):
            yield "state", urlsplit(self.state).hostname or "localhost"  # a Unix socket has no host

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The budgets of `budget`: none, one or several."""
        match self.budget:
            case None:
                return ()
            case Budget():
                return (self.budget,)
            case _:
                return tuple(self.budget)

    @property
    def mode(self) -> ConnectionMode:
        """Where calls go: "direct" to the provider, through a "gateway", or to the "sandbox"."""
        return mode.mode_of(self.base_url, self.gateway_url)

    @property
    def parsed_config(self) -> Config | None:
        """The `portkey_config`, typed as what it is once the object is made."""
        return cast("Config | None", self.portkey_config)

    @property
    def environment_proxies(self) -> EnvironmentProxies:
        """Proxies from the environment, as it was when the object was created."""
        return self._environment_proxies

    @property
    def endpoint_id(self) -> str:
        """Identifies the endpoint, without keys, so that vectors of different endpoints are never mixed."""
        url = self.gateway_url or self.base_url or ""
        return url if self.parsed_config is None else url + self.parsed_config.fingerprint


SETTING_NAMES = argument_names(ConnectionSettings)
"""The names of all settings, aliases included, with their fields."""

ONLY_AT_CONSTRUCTION = frozenset(SETTING_NAMES) - CALL_OPTIONS
"""Names of settings that cannot be passed to a single call."""


def _number(value: Any) -> Any:
    """Return the number in a string, from a configurable field of LangChain for example."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _without_settings(extra: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    refuse_settings(extra, SETTING_NAMES, where=str(info.field_name))
    return extra


BodyExtras = Annotated[dict[str, Any], AfterValidator(_without_settings)]
"""Members of a request's body without a field. A setting among them is an error, because it may be a key."""

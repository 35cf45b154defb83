"""The connection fields that all classes inherit: keys, URLs, config, timeouts, limits.

Both frameworks rebuild objects by passing every field to `__init__` (unpickling, `configurable_fields`);
an object rebuilt like that goes the same way, because `ways.resolve` leaves only what its way uses. What
is costly (connections, breakers, limits) lives in process-wide registries, never on the object, so copies
share it and a changed key or URL takes effect at once.
"""

from __future__ import annotations

import importlib
import os
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from portkey_mistral import residency, ways
from portkey_mistral.config import Config, check_direct_config, check_gateway_config, checks
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import CALL_OPTIONS
from portkey_mistral.state import connect, without_password
from portkey_mistral.validation import argument_names, by_field, explain, refuse_settings

if TYPE_CHECKING:
    from portkey_mistral.client import Client

__all__ = [
    "MODEL_CONFIG",
    "ONLY_AT_CONSTRUCTION",
    "SETTING_NAMES",
    "BodyExtras",
    "ConnectionSettings",
    "Memo",
    "is_seconds",
    "memo_of",
]

# pydantic takes the last base's config, so each concrete class repeats this one.
MODEL_CONFIG = ConfigDict(
    extra="forbid",
    hide_input_in_errors=True,
    validate_by_name=True,
    validate_by_alias=True,
    arbitrary_types_allowed=True,
    protected_namespaces=(),
)

# What a thread can wait for at most is less than what a float can say.
_LONGEST_TIMEOUT = 1e9


class _OfHttpx:
    """A class of httpx, which is imported with the first object that needs it: it takes as long as all of us."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return f"httpx.{self._name}"

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def _check(self, value: object) -> object:
        import httpx

        if not isinstance(value, getattr(httpx, self._name)):
            raise PydanticKnownError("is_instance_of", {"class": self._name})
        return value


# A key may be given as text; it is kept as a SecretStr. Type checkers see both, pydantic converts.
if TYPE_CHECKING:
    from httpx import AsyncClient, Timeout
    from httpx import Client as SyncClient

    Secret = SecretStr | str
else:
    Secret = SecretStr
    SyncClient = Annotated[Any, _OfHttpx("Client")]
    AsyncClient = Annotated[Any, _OfHttpx("AsyncClient")]
    Timeout = Annotated[Any, _OfHttpx("Timeout")]

# Loaded with the first object: longer than all the rest, and a first call may hold up an event loop.
_CALLING = ("portkey_mistral.client", "portkey_mistral.state.memory")

_PROXY_SCHEMES = ("http://", "https://", "socks5://", "socks5h://")


def is_seconds(value: object) -> bool:
    """Whether a value can be a timeout: a positive number of seconds."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 < value <= _LONGEST_TIMEOUT
    )


def is_timeout(value: object) -> bool:
    """Whether a value is an `httpx.Timeout` whose limits can be kept: numbers of seconds, or None for no limit."""
    import httpx

    return isinstance(value, httpx.Timeout) and all(
        limit is None or limit == 0 or is_seconds(limit) for limit in value.as_dict().values()
    )


class Memo:
    """Keeps what was worked out of an object's fields, beside the fields that it was worked out of.

    No part of the object: pickles have none of it.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: tuple[object, Any] | None = None

    def __reduce__(self) -> tuple[type[Memo], tuple[()]]:
        return Memo, ()


class ConnectionSettings(BaseModel):
    """How to reach a model. Inherited by every public class, and what `Client` is made from.

    No key is needed to construct an object; the first call without one raises `ConfigurationError` naming
    the variables to set. Keys are `SecretStr`, and stand in no repr and no dump.

    Raises:
        ConfigurationError: for an unknown name (with the nearest known one), a value of the wrong kind, a
            config that is not Portkey's, or settings that contradict each other.
    """

    model_config = MODEL_CONFIG

    api_key: Secret | None = Field(
        default=None,
        validation_alias=AliasChoices("api_key", "mistral_api_key"),
        exclude=True,
        repr=False,
        description="Mistral key. Environment: MISTRAL_API_KEY.",
    )
    base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("base_url", "api_base", "endpoint"),
        description="Mistral-compatible endpoint; a bare host gets /v1; 'sandbox:' is the embedded one. "
        "With a gateway: the target's custom host. Environment: MISTRAL_BASE_URL.",
    )
    portkey_api_key: Secret | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Portkey key. Environment: PORTKEY_API_KEY.",
    )
    gateway_url: str | None = Field(
        default=None,
        description="Portkey gateway, e.g. http://localhost:8787/v1; hosted Portkey once another gateway "
        "argument is known. Environment: PORTKEY_GATEWAY_URL or PORTKEY_BASE_URL.",
    )
    portkey_config: Config | None = Field(
        default=None,
        validation_alias=AliasChoices("portkey_config", "config"),
        description="Portkey config: mapping, JSON text, path of a file, Config, or (gateway only) a slug "
        "'pc-...'. Environment: PORTKEY_CONFIG.",
    )
    provider: str = Field(
        default=ways.DEFAULT_PROVIDER,
        description="Provider of the only target, where there is no config. Environment: PORTKEY_PROVIDER.",
    )
    virtual_key: Secret | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Portkey virtual key; gateway only. Environment: PORTKEY_VIRTUAL_KEY.",
    )
    trace_id: str | None = Field(default=None, description="Portkey trace id; also per call.")
    portkey_metadata: dict[str, str] | None = Field(
        default=None, description="Portkey metadata, read by conditional routing; also per call."
    )
    cache_namespace: str | None = Field(default=None, description="Partition of Portkey's cache.")
    cache_force_refresh: bool | None = Field(
        default=None, description="Answer anew and store it, where the config has a cache."
    )
    forward_headers: list[str] | None = Field(
        default=None, description="Names of `default_headers` to pass on to the target."
    )
    gateway_lane: Literal["auto", "unified", "proxy", "passthrough"] = Field(
        default="auto",
        description="Route through the gateway. 'proxy' keeps every parameter but skips guardrails.",
    )
    data_residency: Literal["eu", "us"] | None = Field(
        default=None,
        description="Refuse every target not known to be in this region. Environment: "
        "MISTRAL_DATA_RESIDENCY.",
    )
    residency_hosts: dict[str, str] = Field(
        default_factory=dict, description="Regions of your own hosts: {'llm.example.eu': 'eu'}."
    )
    timeout: float | Timeout | None = Field(
        default=120.0, description="One attempt, httpx's meaning; seconds. None waits for ever."
    )
    first_token_timeout: float | None = Field(
        default=None,
        gt=0,
        le=_LONGEST_TIMEOUT,
        description="Streams: seconds until the first content.",
    )
    idle_timeout: float | None = Field(
        default=None,
        gt=0,
        le=_LONGEST_TIMEOUT,
        description="Streams: most seconds between two events.",
    )
    deadline: float | None = Field(
        default=None,
        gt=0,
        le=_LONGEST_TIMEOUT,
        description="The whole call with all attempts, seconds.",
    )
    max_retries: int | None = Field(
        default=None,
        ge=0,
        description="Extra sends to a target for which no config says `retry`: 2, or 0 where there is a "
        "config, as in the gateway.",
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        validation_alias=AliasChoices("max_concurrency", "max_concurrent_requests"),
        description="Most requests in flight; held from send to the end of the answer.",
    )
    requests_per_minute: float | None = Field(
        default=None,
        gt=0,
        description="Most requests to one host with one key, spread evenly; counted over all that share `state`.",
    )
    tokens_per_minute: float | None = Field(
        default=None,
        gt=0,
        description="The same for the tokens of prompts and texts, which are estimated.",
    )
    on_interrupt: Literal["raise", "resume"] = Field(
        default="raise", description="What to do when a stream breaks off after its first content."
    )
    state: str = Field(
        default="memory:",
        repr=False,
        description="Where breakers, cached answers and rates live: 'memory:' is this process, 'redis://...' all "
        "that share the server. Dumps leave its password out. Environment: PORTKEY_MISTRAL_STATE.",
    )
    embed_resume: str | None = Field(
        default=None,
        description="Path of a store that lets an embedding job go on where it stopped.",
    )
    default_headers: dict[str, str] | None = Field(
        default=None, exclude=True, repr=False, description="Headers to send with every request."
    )
    proxy: str | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Proxy URL; else httpx's environment rules.",
    )
    ssl_context: ssl.SSLContext | None = Field(
        default=None, exclude=True, repr=False, description="TLS settings; else httpx's default."
    )
    http_client: SyncClient | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="A client of your own for sync calls; used as it is, never closed by us.",
    )
    http_async_client: AsyncClient | None = Field(
        default=None,
        validation_alias=AliasChoices("http_async_client", "async_http_client"),
        exclude=True,
        repr=False,
        description="The same for async calls.",
    )

    if (
        not TYPE_CHECKING
    ):  # type checkers shall see the signature that pydantic derives from the fields

        def __init__(self, *args: Any, **values: Any) -> None:
            try:
                super().__init__(*args, **values)
            except ValidationError as error:
                # pydantic's own text and its chain can print inputs, keys among them.
                raise ConfigurationError(explain(error, type(self))) from None
            for module in _CALLING:
                importlib.import_module(module)

    @field_validator("api_key", "portkey_api_key", "virtual_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if key is None or not key.get_secret_value():
            return key
        return checks.secret(key, str(info.field_name))

    @field_validator("provider")
    @classmethod
    def _check_provider(cls, name: str) -> str:
        return checks.provider(name, "provider")

    @field_validator("default_headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str] | None) -> dict[str, str] | None:
        return headers and checks.headers(headers, "default_headers")

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, url: str | None) -> str | None:
        # httpx would repeat the URL, and a proxy's password stands in it.
        if url is None or (
            url.lower().startswith(_PROXY_SCHEMES) and checks.is_address(url.rstrip("/"))
        ):
            return url
        raise ValueError(
            f"proxy must be a URL that begins with {', '.join(_PROXY_SCHEMES)}, for example "
            "'http://proxy.example:3128'; escape what is special in its password."
        )

    @field_validator("state")
    @classmethod
    def _check_state(cls, url: str) -> str:
        connect(url)
        return url

    @field_serializer("state")
    def _dump_state(self, url: str) -> str:
        return without_password(url)

    @model_validator(mode="before")
    @classmethod
    def _resolve_way(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        connection, others = by_field(values, ConnectionSettings)
        if connection.get("portkey_config") is not None:
            connection["portkey_config"] = Config.parse(connection["portkey_config"])
        return others | ways.resolve(connection, os.environ)

    @field_serializer("timeout", when_used="json")
    def _write_timeout(self, timeout: float | Timeout | None) -> Any:
        import httpx

        return timeout.as_dict() if isinstance(timeout, httpx.Timeout) else timeout

    @field_validator("timeout", mode="before")
    @classmethod
    def _read_timeout(cls, value: Any) -> Any:
        import httpx

        if isinstance(value, dict):
            value = httpx.Timeout(**value)
        if value is None or is_timeout(value) or is_seconds(_number(value)):
            return value
        raise ValueError(
            "timeout must be a number of seconds above 0, None (waits for ever) or an httpx.Timeout of these."
        )

    @model_validator(mode="after")
    def _check_route(self) -> Self:
        if self.portkey_config is not None:
            self.check_config(self.portkey_config)
        self.check_residency(self.portkey_config)
        return self

    def check_config(self, config: Config) -> None:
        """Raise `ConfigurationError` for what the chosen way cannot do with a config."""
        if self.gateway_url is None:
            check_direct_config(config)
        else:
            check_gateway_config(config, hosted=ways.is_hosted(self.gateway_url))

    def check_residency(self, config: Config | None) -> None:
        """Raise `ResidencyError` if a call could leave the region that was asked for."""
        if self.data_residency is None:
            return
        # The passthrough lane leaves out whatever stands for a provider, and goes to a host by its URL.
        passes = self.gateway_url is not None and self.gateway_lane == "passthrough"
        route = [
            *residency.route(
                config,
                base_url=self.base_url,
                gateway_url=self.gateway_url,
                provider=ways.DEFAULT_PROVIDER if passes else self.provider,
                virtual_key=self.virtual_key is not None and not passes,
            ),
            *residency.header_places((self.gateway_url and self.default_headers) or {}),
            *self._stores(config),
        ]
        residency.check(route, residency=self.data_residency, declared=self.residency_hosts)

    def _stores(self, config: Config | None) -> Iterator[tuple[str, str]]:
        """Cached answers are data too. Breakers, which share the store, tell nothing of them."""
        caches = config is not None and any(target.cache for target in config.targets())
        if caches and self.gateway_url is None and not self.state.startswith("memory:"):
            yield "state", urlsplit(self.state).hostname or "localhost"  # a socket file has no host

    @property
    def way(self) -> ways.Way:
        """Where calls go: "direct", "gateway" or "sandbox"."""
        return ways.way_of(self.base_url, self.gateway_url)

    @property
    def place(self) -> str:
        """What answers, as text without keys: vectors are kept apart by it, beside their model."""
        url = self.gateway_url or self.base_url or ""
        return url if self.portkey_config is None else url + self.portkey_config.fingerprint

    @property
    def client(self) -> Client:
        """The core's client over these settings; cheap to get, and never stale."""
        from portkey_mistral.client import Client

        return Client.from_settings(self)


def memo_of(settings: ConnectionSettings) -> Memo:
    """Return the one place that an object has for what follows from its fields."""
    attributes = vars(settings)
    memo: Memo | None = attributes.get("_memo")
    if memo is None:  # where pydantic lets `functools.cached_property` keep things
        memo = attributes["_memo"] = Memo()
    return memo


SETTING_NAMES = argument_names(ConnectionSettings)
"""Every name of a setting, aliases included, and its field."""

ONLY_AT_CONSTRUCTION = frozenset(SETTING_NAMES) - CALL_OPTIONS
"""Names of settings that no single call takes."""


def _number(value: Any) -> Any:
    """Read a number that came as text, from an environment variable for example."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return None


def _without_settings(extra: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    refuse_settings(extra, SETTING_NAMES, where=str(info.field_name))
    return extra


BodyExtras = Annotated[dict[str, Any], AfterValidator(_without_settings)]
"""Members of a request's body that have no field. A setting among them, a key above all, is an error."""

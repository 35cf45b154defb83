"""The file that describes a Portkey account: keys, catalog, configs, guardrails, prompts, limits.

Names are those of Portkey's admin API and config schema where they exist. Every model is closed: an unknown key is an
error that names the nearest known one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.sandbox.faults import Fault
from portkey_mistral.sandbox.portkey.errors import masked

__all__ = [
    "SUPPORTED_PROVIDERS",
    "Account",
    "Guardrail",
    "Key",
    "Limited",
    "Prompt",
    "Provider",
    "RateLimit",
    "SavedConfig",
    "load",
    "parse",
]

SUPPORTED_PROVIDERS = ("mistral-ai", "openai")
"""Providers whose API the sandbox implements; any other needs a `custom_host`."""


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in value if isinstance(value, Mapping) else ():
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
                raise ValueError(f"unknown key {str(key)!r}; {hint}")
        return value


# --- limits -----------------------------------------------------------------------------------------


class RateLimit(_Closed):
    """A number of requests per fixed window: a second, minute, hour, day or week."""

    type: Literal["requests"] = "requests"
    unit: Literal["rps", "rpm", "rph", "rpd", "rpw"]
    value: Annotated[int, Field(ge=0)]


class UsageLimits(_Closed):
    """A budget in tokens; 0 is exhausted from the start. Budgets in money are not supported."""

    type: Literal["tokens"]
    credit_limit: Annotated[int, Field(ge=0)]


class Limited(_Closed):
    """The limits that a key, a workspace and a provider have in common."""

    expired: bool = False
    usage_limits: UsageLimits | None = None
    rate_limits: tuple[RateLimit, ...] = ()


# --- callers --------------------------------------------------------------------------------------


class WorkspaceDefaults(_Closed):
    config_id: str | None = None
    metadata: Mapping[str, str] = Field(default_factory=dict)


class KeyDefaults(WorkspaceDefaults):
    allow_config_override: bool = True


class Key(Limited):
    """A Portkey API key. Without `scopes` it may use everything that the stand-in serves."""

    defaults: KeyDefaults = KeyDefaults()
    scopes: frozenset[
        Literal["completions.write", "prompts.render", "logs.write", "models.list"]
    ] = frozenset({"completions.write", "prompts.render", "logs.write", "models.list"})


class Workspace(Limited):
    defaults: WorkspaceDefaults = WorkspaceDefaults()
    input_guardrails: tuple[str, ...] = ()
    output_guardrails: tuple[str, ...] = ()


class Organisation(_Closed):
    """`block_inline_config` is saved-only mode, the default of organisations made since June 2026.

    `permission_error` is the error for a missing scope: "AB03" as documented by Portkey, or "033" as in the source of
    its gateway.
    """

    block_inline_config: bool = False
    input_guardrails: tuple[str, ...] = ()
    output_guardrails: tuple[str, ...] = ()
    permission_error: Literal["AB03", "033"] = "AB03"


# --- what requests name ---------------------------------------------------------------------------------


class ProviderFault(BaseModel):
    """A fault of the sandbox that answers for a provider, written as the fields of `Fault` and `times`.

    Without `times` it applies to every request.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    fault: Fault
    times: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _split_off_times(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        fault = {name: part for name, part in value.items() if name != "times"}
        return {"fault": fault, "times": value.get("times")}


class Provider(Limited):
    """A provider of the model catalog; its slug is also a virtual key.

    Without `custom_host` the sandbox of the slug's name answers: `portkey_mistral.sandbox.get(slug)`.
    `models` is the allow-list, None allows every model. `headers` are sent to the provider.
    """

    provider: str
    api_key: SecretStr = SecretStr("sk-of-the-provider")
    custom_host: str | None = None
    headers: Mapping[str, str] = Field(default_factory=dict)
    models: tuple[str, ...] | None = None
    faults: tuple[ProviderFault, ...] = ()

    @model_validator(mode="after")
    def _check_provider_has_host(self) -> Provider:
        if self.custom_host is None and self.provider not in SUPPORTED_PROVIDERS:
            raise ValueError(
                f"provider {self.provider!r} needs a custom_host: without one the sandbox answers for "
                f"{' and '.join(SUPPORTED_PROVIDERS)} only"
            )
        return self


class Guardrail(_Closed):
    """A saved guardrail: check ids of the gateway with their parameters.

    The defaults are those of Portkey's app, so a guardrail without `async: false` is only logged.
    """

    checks: Annotated[Mapping[str, Mapping[str, Any]], Field(min_length=1)]
    deny: bool = False
    runs_async: bool = Field(default=True, alias="async")
    on_fail: Mapping[str, Any] | None = None
    on_success: Mapping[str, Any] | None = None


def _plain_variables_only(text: str) -> str:
    for sign in ("{{#", "{{^", "{{/", "{{>", "{{{", "{{&", "{{!"):
        if sign in text:
            raise ValueError(f"the stand-in renders {{{{variables}}}} only, not {sign!r}")
    return text


class PromptMessage(_Closed):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, AfterValidator(_plain_variables_only)]


class Prompt(_Closed):
    """A saved prompt. `provider` is a slug of the catalog, without `@`."""

    provider: str
    model: str
    messages: Annotated[tuple[PromptMessage, ...], Field(min_length=1)]
    parameters: Mapping[str, Any] = Field(default_factory=dict)


# --- saved configs -----------------------------------------------------------------


class Sticky(_Closed):
    enabled: bool
    hash_fields: tuple[str, ...] = ()
    ttl: int | None = None


class Condition(_Closed):
    query: Mapping[str, Any]
    then: str


class CircuitBreaker(_Closed):
    failure_threshold: int | None = None
    failure_threshold_percentage: float | None = None
    minimum_requests: int | None = None
    cooldown_interval: int | None = None
    failure_status_codes: tuple[int, ...] = ()


class Strategy(_Closed):
    mode: Literal["single", "loadbalance", "fallback", "conditional"]
    on_status_codes: tuple[int, ...] = ()
    conditions: tuple[Condition, ...] = ()
    default: str | None = None
    sticky: Sticky | None = None
    cb_config: CircuitBreaker | None = None


class Retry(_Closed):
    attempts: Annotated[int, Field(ge=0, le=5)]
    on_status_codes: tuple[int, ...] = ()
    use_retry_after_headers: bool = False


class Cache(_Closed):
    mode: Literal["simple", "semantic"]
    max_age: int | None = None


class SavedConfig(_Closed):
    """A saved config. Closed, unlike the inline config of a header."""

    strategy: Strategy | None = None
    targets: tuple[SavedConfig, ...] | None = None
    name: str | None = None
    weight: Annotated[float, Field(ge=0)] | None = None
    provider: str | None = None
    api_key: str | None = None
    virtual_key: str | None = None
    prompt_id: str | None = None
    passthrough: bool | None = None
    default_params: Mapping[str, Any] | None = None
    override_params: Mapping[str, Any] | None = None
    drop_params: tuple[str, ...] | None = None
    retry: Retry | None = None
    cache: Cache | None = None
    request_timeout: int | None = None
    custom_host: str | None = None
    forward_headers: tuple[str, ...] | None = None
    strict_open_ai_compliance: bool | None = None
    fetch_integrated_models: bool | None = None
    input_guardrails: tuple[str | Mapping[str, Any], ...] | None = None
    output_guardrails: tuple[str | Mapping[str, Any], ...] | None = None
    before_request_hooks: tuple[Mapping[str, Any], ...] | None = None
    after_request_hooks: tuple[Mapping[str, Any], ...] | None = None
    cb_config: CircuitBreaker | None = None
    openai_organization: str | None = None
    openai_project: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the config as it was written, as plain JSON values."""
        written: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True)
        return written


# --- the account --------------------------------------------------------------------------------------


def _named(prefix: str) -> AfterValidator:
    def check(name: str) -> str:
        if not name.startswith(prefix):
            raise ValueError(f"{name!r} has to start with {prefix!r}, as Portkey's own ids do")
        return name

    return AfterValidator(check)


def _slug(name: str) -> str:
    if not name or name.startswith("@") or "/" in name or len(name) > 255:
        raise ValueError(f"{name!r} is no slug: write it without '@' and '/', up to 255 characters")
    return name


class Account(_Closed):
    """One organisation with one workspace, and its keys, providers and configs."""

    organisation: Organisation = Organisation()
    workspace: Workspace = Workspace()
    keys: Annotated[Mapping[str, Key], Field(min_length=1, repr=False)]
    providers: Mapping[Annotated[str, AfterValidator(_slug)], Provider] = Field(
        default_factory=dict
    )
    configs: Mapping[Annotated[str, _named("pc-")], SavedConfig] = Field(default_factory=dict)
    guardrails: Mapping[Annotated[str, _named("pg-")], Guardrail] = Field(default_factory=dict)
    prompts: Mapping[Annotated[str, _named("pp-")], Prompt] = Field(default_factory=dict)

    def unsupported_settings(self) -> list[str]:
        """Return the settings of the file that have no effect in the stand-in."""
        return [
            f"configs.{name}.{key}"
            for name, config in self.configs.items()
            for key in _without_effect(config.as_json())
        ]


def _without_effect(node: Mapping[str, Any], at: str = "") -> Iterator[str]:
    yield from (f"{at}{key}" for key in ("cache", "cb_config") if key in node)
    for key in ("sticky", "cb_config"):
        if key in node.get("strategy", {}):
            yield f"{at}strategy.{key}"
    for index, target in enumerate(node.get("targets", ())):
        yield from _without_effect(target, f"{at}targets[{index}].")


def load(path: str | Path) -> Account:
    """Read the file of an account: JSON if its name ends in `.json`, else YAML.

    Raises:
        ConfigurationError: the file cannot be read, is neither JSON nor YAML, or has an invalid value or an unknown
            key; the message contains its path.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    try:
        value = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return _validated(value, f"{path}: ")


def parse(value: Mapping[str, Any]) -> Account:
    """Read an account from a mapping.

    Raises:
        ConfigurationError: as `load`.
    """
    return _validated(value, "")


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        raise ConfigurationError(
            "A file in YAML needs PyYAML: pip install pyyaml. Or write it in JSON, with a name that "
            "ends in .json."
        ) from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(error) from None


def _validated(value: Any, origin: str) -> Account:
    try:
        return Account.model_validate(value)
    except ValidationError as error:
        lines = [_line(item["loc"], item["msg"]) for item in error.errors(include_input=False)]
        raise ConfigurationError(f"{origin}{'; '.join(lines)}") from None


def _line(location: tuple[str | int, ...], message: str) -> str:
    # Portkey keys are names in the file, and one of a real account must not end up in a log.
    parts = [
        masked(str(part)) if index == 1 and location[0] == "keys" else part
        for index, part in enumerate(location)
        if part != "[key]"
    ]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return f"{where.removeprefix('.') or 'the file'}: {message.removeprefix('Value error, ')}"

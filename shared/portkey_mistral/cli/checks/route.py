"""What the settings select, and what they lose: the mode, the config, the gateway."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping

from portkey_mistral._call.prepare import lost_parameters, missing_keys
from portkey_mistral._providers import is_hosted_gateway
from portkey_mistral.cli.findings import Finding
from portkey_mistral.config import Config, unknown_keys
from portkey_mistral.exceptions import ConfigurationError, PortkeyMistralError, ResidencyError
from portkey_mistral.messages import Message
from portkey_mistral.requests import ChatRequest, ResponseFormat
from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["check_gateway", "check_keys", "check_mode", "read_settings"]

_AREA = "mode"
_PARAMETERS = ChatRequest(
    model="mistral-small-latest",
    messages=[Message.user("Hello!")],
    stop=["."],
    presence_penalty=0.1,
    frequency_penalty=0.1,
    n=1,
    response_format=ResponseFormat("json_object"),
)
"""A request with parameters that gateways are known to drop."""


def read_settings() -> ConnectionSettings | Finding:
    """Return the settings of the environment, or the reason why they are refused."""
    try:
        with warnings.catch_warnings(action="ignore"):  # `check_mode` reports unknown keys
            return ConnectionSettings()
    except ResidencyError as error:
        return Finding(
            _AREA,
            "bad",
            error.message,
            "unset MISTRAL_DATA_RESIDENCY, or pass residency_hosts= for hosts whose operator guarantees the region",
        )
    except ConfigurationError as error:
        return Finding(_AREA, "bad", error.message, "correct the variable that the message names")


def check_mode(
    settings: ConnectionSettings, environ: Mapping[str, str] = os.environ
) -> Iterator[Finding]:
    """Report where calls go, and which variables have no effect there."""
    where = {
        "direct": f"direct to {settings.base_url}",
        "gateway": f"through the Portkey gateway at {settings.gateway_url}",
        "sandbox": "to the embedded sandbox; nothing leaves this process",
    }
    by = "" if settings.portkey_config is None else ", with a Portkey config"
    yield Finding(_AREA, "good", where[settings.mode] + by)
    config = settings.portkey_config
    for path, advice in () if config is None else unknown_keys(Config.parse(config)):
        yield Finding(_AREA, "note", f"{path}: {advice}", "correct it if it is a typing error")
    if settings.mode == "gateway" and _has_own_host(environ):
        yield Finding(
            _AREA,
            "note",
            "MISTRAL_BASE_URL is the custom host that the gateway calls, not where calls go from here",
            "unset the PORTKEY_* variables to call it directly",
        )


def check_keys(settings: ConnectionSettings) -> Iterator[Finding]:
    """Report each target of the route that has no key."""
    for error in missing_keys(settings):  # its message says what to set
        yield Finding(_AREA, "bad", error.message)


def check_gateway(settings: ConnectionSettings) -> Iterator[Finding]:
    """Report what a gateway does otherwise than direct calls."""
    url = settings.gateway_url
    if url is None:
        return
    if settings.portkey_api_key is not None and not is_hosted_gateway(url):
        yield Finding(
            "gateway",
            "note",
            "with a Portkey key, a gateway at your own host counts as Portkey's enterprise gateway",
            "unset PORTKEY_API_KEY if it is the open-source one",
        )
    yield from _losses(settings)


def _losses(settings: ConnectionSettings) -> Iterator[Finding]:
    try:
        lost = lost_parameters(settings, _PARAMETERS, None)
    except PortkeyMistralError:
        return  # reported as a missing key
    if lost:
        yield Finding(
            "gateway",
            "note",
            f"requests with {', '.join(lost)} (and others) are refused, because the gateway would drop them",
            "leave them out, or set gateway_lane='proxy', which skips the gateway's guardrails",
        )


def _has_own_host(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("MISTRAL_BASE_URL") or environ.get("MISTRAL_ENDPOINT"))

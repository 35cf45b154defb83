"""Environment variables: which are set, misspelt, or hold something else than they should."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

from portkey_mistral._providers import is_config_slug, is_slug, owner_of
from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.cli.findings import Finding, State
from portkey_mistral.residency import host_of, is_loopback
from portkey_mistral.settings.environment import ENVIRONMENT

__all__ = ["check_variables"]

_AREA = "environment"
_KNOWN = [name for names in ENVIRONMENT.values() for name in names]
_KEYS = {"MISTRAL_API_KEY": "Mistral", "PORTKEY_API_KEY": "Portkey"}
_WHERE = {
    "Mistral": "https://console.mistral.ai/api-keys",
    "Portkey": "https://app.portkey.ai/api-keys",
}
# How keys of other services begin, the longest first. Mistral's and Portkey's own have no prefix of their own.
_FOREIGN = {
    "sk-ant-": "Anthropic",
    "sk-or-": "OpenRouter",
    "sk-proj-": "OpenAI",
    "sk-lf-": "Langfuse",
    "sk-": "OpenAI, or of a server in its style",
    "gsk_": "Groq",
    "AIza": "Google",
    "hf_": "Hugging Face",
    "lsv2_": "LangSmith",
}
_PLACEHOLDER = re.compile(
    r"^(<.*>|\$?\{.*\}|\.{3}|x{3,}|your[-_ ].*|.*[-_]here|change[-_ ]?me|todo|none|null)$", re.IGNORECASE
)  # fmt: skip
_ENDPOINTS = ("/chat/completions", "/embeddings", "/fim/completions", "/models")
# Names of this machine besides those of its loopback interface.
_THIS_MACHINE = ("0.0.0.0", "host.docker.internal")  # noqa: S104  nothing is bound to it


def check_variables(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Report the variables by name; values include keys, and URLs that may contain one."""
    found = [name for name in _KNOWN if environ.get(name)]
    for name in found:
        yield Finding(_AREA, "good", f"{name} is set")
    if not found:
        yield Finding(_AREA, "note", "no MISTRAL_* or PORTKEY_* variable is set")
    yield from _misspelt(environ)
    for name, product in _KEYS.items():
        if key := environ.get(name):
            yield from _check_key(name, product, key, environ)
    yield from _check_equal_keys(environ)
    yield from _check_stored_names(environ)
    for name in (*ENVIRONMENT["base_url"], *ENVIRONMENT["gateway_url"]):
        if url := environ.get(name):
            yield from _check_url(name, url)


def _misspelt(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in environ:
        if name.startswith(("MISTRAL", "PORTKEY")) and name not in _KNOWN:
            yield Finding(
                _AREA, "note", f"{name} is set, but is not read", did_you_mean(name, _KNOWN)
            )


def _check_key(name: str, product: str, key: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    cure = f"copy the key from {_WHERE[product]}"
    if key.strip(" \t\r\n\"'") != key:
        yield Finding(
            _AREA,
            "bad",
            f"{name} begins or ends with blanks or quotes, which are part of its value",
            "remove them; env files of Docker need no quotes",
        )
    elif _PLACEHOLDER.match(key):
        yield Finding(_AREA, "bad", f"{name} is a placeholder, not a key", cure)
    elif named := _portkey_name(key):
        yield Finding(
            _AREA,
            "bad",
            f"{name} is the name of {named[0]} at Portkey, not a key",
            f"set {named[1]} to it, and {cure}",
        )
    elif (owner := _owner(key)) and (product == "Portkey" or _calls_mistral(environ)):
        state: State = "note" if owner == _FOREIGN["sk-"] else "bad"
        yield Finding(_AREA, state, f"{name} looks like a key of {owner}, not of {product}", cure)


def _owner(key: str) -> str | None:
    """Return the service that a key is of, if it is not Mistral or Portkey."""
    return next((owner for start, owner in _FOREIGN.items() if key.startswith(start)), None)


def _portkey_name(value: str) -> tuple[str, str] | None:
    """Return what a value names at Portkey, and the setting for it; None if it is no such name."""
    if is_config_slug(value):
        return "a saved config", "PORTKEY_CONFIG"
    if is_slug(value):
        return "a provider", "PORTKEY_PROVIDER"
    if value.startswith("pg-"):
        return "a guardrail", "input_guardrails of the config"
    if value.startswith("pp-"):
        return "a prompt", "prompt_id of a target"
    return None


def _calls_mistral(environ: Mapping[str, str]) -> bool:
    """Whether MISTRAL_API_KEY goes to Mistral, not to another server."""
    urls = [environ[name] for name in ENVIRONMENT["base_url"] if environ.get(name)]
    return not urls or owner_of(urls[0]) == "mistral-ai"


def _check_equal_keys(environ: Mapping[str, str]) -> Iterator[Finding]:
    mistral, portkey = (environ.get(name) for name in _KEYS)
    if mistral and mistral == portkey:
        yield Finding(
            _AREA,
            "bad",
            "MISTRAL_API_KEY and PORTKEY_API_KEY are the same key, but the services have different keys",
            "set each to its own key; leave MISTRAL_API_KEY unset if Portkey stores it",
        )


def _check_stored_names(environ: Mapping[str, str]) -> Iterator[Finding]:
    virtual_key = environ.get("PORTKEY_VIRTUAL_KEY", "")
    if is_config_slug(virtual_key):
        yield Finding(
            _AREA, "bad", "PORTKEY_VIRTUAL_KEY is the slug of a config", "set PORTKEY_CONFIG to it"
        )
    elif is_slug(virtual_key):
        yield Finding(
            _AREA,
            "bad",
            "PORTKEY_VIRTUAL_KEY is the slug of a provider",
            "set PORTKEY_PROVIDER to it",
        )
    elif virtual_key:
        yield Finding(
            _AREA,
            "note",
            "virtual keys are Portkey's older form: each became a provider of the model catalog with the same slug",
            "set PORTKEY_PROVIDER to the virtual key with '@' before it, in place of PORTKEY_VIRTUAL_KEY",
        )


def _check_url(name: str, url: str) -> Iterator[Finding]:
    bare = url.rstrip("/")
    if ending := next((end for end in _ENDPOINTS if bare.endswith(end)), None):
        yield Finding(
            _AREA,
            "bad",
            f"{name} is the URL of an endpoint, and {ending} is added to it again",
            f"leave out {ending}",
        )
    host = host_of(url)
    if url.startswith("http://") and not (is_loopback(host) or host in _THIS_MACHINE):
        yield Finding(
            _AREA,
            "note",
            f"{name} is not encrypted: keys and texts can be read on the way, unless the network is your own",
            "use https://",
        )

"""The targets of a request: each leaf of its config, with inherited settings and resolved names. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from portkey_mistral.sandbox.portkey.definition import Account, Provider
from portkey_mistral.sandbox.portkey.errors import (
    PortkeyError,
    invalid_names,
    mapping_error,
    undocumented,
)
from portkey_mistral.sandbox.portkey.guardrails import resolve_hooks
from portkey_mistral.sandbox.portkey.names import (
    leaf_slug,
    model_names_slug,
    prompt_of,
    without_slug,
)
from portkey_mistral.sandbox.portkey.parameters import apply_params
from portkey_mistral.sandbox.portkey.prompts import rendered

__all__ = [
    "RequestContext",
    "Target",
    "as_mapping",
    "resolve_target",
    "unresolved_part",
    "usable_host",
]

Json = dict[str, Any]

_PROVIDER = "x-portkey-provider"
_CUSTOM_HOST = "x-portkey-custom-host"
_STRICT = "x-portkey-strict-open-ai-compliance"
# Resolved here at every level of a config; the gateway does not support them, or gets them per target.
_CONSUMED_KEYS = frozenset(
    (
        "virtual_key",
        "prompt_id",
        "passthrough",
        "default_params",
        "override_params",
        "drop_params",
        "custom_host",
        "fetch_integrated_models",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A leaf of the config.

    `path` is what `x-portkey-last-used-option-index` names. `settings` is the leaf as sent to the gateway, without its
    parameters and host; its provider may be in a header instead. `body` is the target's body before the provider's
    mapping. A `host` of None means the sandbox. A `refusal` is returned instead of calling it.
    """

    path: str
    settings: Json = field(repr=False)
    provider: str | None
    slug: str | None
    host: str | None
    body: Json
    refusal: PortkeyError | None
    output_guardrails: Sequence[Any]
    strict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """One request, with the names outside its config."""

    account: Account
    headers: Mapping[str, str]
    body: Json
    variables: Mapping[str, Any]
    slug: str | None
    passthrough: str | None
    refuse: Callable[[str, Provider, Any], PortkeyError | None]


def resolve_target(request: RequestContext, path: str, chain: Sequence[Json]) -> Target:
    """Resolve a leaf; `chain` are the nodes of the config from the root to it.

    Raises:
        PortkeyError: a name is unknown, or the behaviour is not documented.
    """
    leaf = chain[-1]
    slug, refusal = _slug(request, path, leaf)
    provider = request.account.providers[slug] if slug else None
    default = _merged(chain, "default_params")
    override = _merged(chain, "override_params")
    if prompt := request.account.prompts.get(prompt_of(leaf) or ""):
        override = {**rendered(prompt, request.variables), **override}
    if _named_by_model(leaf):
        override["model"] = without_slug(override["model"])
    if unclear := [name for name in default if request.body.get(name, ...) is None]:
        raise undocumented(f"whether null in the body counts for default_params ({unclear[0]})")
    body = apply_params(request.body, default=default, override=override, drop=_drops(chain))
    if provider is not None and refusal is None:
        refusal = request.refuse(str(slug), provider, body.get("model"))
    return Target(
        path=path,
        settings=_settings(leaf, provider, refusal),
        provider=provider.provider if provider else _raw_provider(request, path, leaf, refusal),
        slug=slug,
        host=_host(request.headers, chain) or (provider.custom_host if provider else None),
        body=body,
        refusal=refusal,
        output_guardrails=_output_guardrails(request.account, chain),
        strict=request.headers.get(_STRICT) != "false"
        and leaf.get("strict_open_ai_compliance") is not False,
    )


def unresolved_part(node: Mapping[str, Any]) -> Json:
    """Return the keys of a node that are sent to the gateway unchanged.

    This includes a host that is not a URL, which the gateway's validator rejects.
    """
    return {
        key: value
        for key, value in node.items()
        if key not in _CONSUMED_KEYS or (key == "custom_host" and usable_host(value) is None)
    }


def usable_host(host: Any) -> str | None:
    """Return a host if it is a URL; the gateway rejects any other."""
    try:
        usable = isinstance(host, str) and urlsplit(host).scheme in ("http", "https")
    except ValueError:
        return None
    return host if usable else None


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return a value of a config if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def _slug(request: RequestContext, path: str, leaf: Json) -> tuple[str | None, PortkeyError | None]:
    """Return the slug of a leaf, and the refusal of a passthrough target that has none."""
    if leaf.get("passthrough"):
        if path == "config":
            raise undocumented("what passthrough at the root of a config does")
        if request.passthrough is None:
            text = "passthrough needs a provider: x-portkey-provider: @slug, or model @slug/model"
            return None, mapping_error(text)
        if request.passthrough not in request.account.providers:
            raise invalid_names("keys", [request.passthrough])
        return request.passthrough, None
    slug = leaf_slug(request.account, leaf)
    if slug is None and path == "config" and not leaf.get("provider"):
        slug = request.slug
    return slug, None


def _settings(leaf: Json, provider: Provider | None, refusal: PortkeyError | None) -> Json:
    kept = unresolved_part(leaf)
    if provider is not None:
        key = provider.api_key.get_secret_value()
        kept |= {"provider": provider.provider, "api_key": key}
    elif refusal is not None:
        kept |= {"provider": "openai", "api_key": "none"}
    if refusal is not None:
        # Portkey checks the policy of a target once, before its retries.
        kept["retry"] = {"attempts": 0}
    return kept


def _raw_provider(
    request: RequestContext, path: str, leaf: Json, refusal: PortkeyError | None
) -> str | None:
    if refusal is not None:
        return "openai"
    header = request.headers.get(_PROVIDER) if path == "config" else None
    return leaf.get("provider") or header


def _output_guardrails(account: Account, chain: Sequence[Json]) -> Sequence[Any]:
    """Return the list of the leaf, or of its nearest parent that has one: lists are not merged."""
    lists = (node.get("output_guardrails") for node in reversed(chain))
    found = next((hooks for hooks in lists if hooks and isinstance(hooks, list)), [])
    return resolve_hooks(account.guardrails, found)


def _host(headers: Mapping[str, str], chain: Sequence[Json]) -> str | None:
    """Return the custom host of a leaf: the header's, else the leaf's or its nearest parent's."""
    own = (node.get("custom_host") for node in reversed(chain))
    hosts = (usable_host(headers.get(_CUSTOM_HOST)), *map(usable_host, own))
    return next((host for host in hosts if host), None)


def _drops(chain: Sequence[Json]) -> list[str]:
    lists = [drops for node in chain if isinstance(drops := node.get("drop_params"), list)]
    if any(other != lists[0] for other in lists):
        raise undocumented("how drop_params of a target and of its parent combine")
    return [path for path in lists[0] if isinstance(path, str)] if lists else []


def _merged(chain: Sequence[Json], key: str) -> Json:
    """Merge a mapping from the root to the leaf, shallowly: the child's key wins."""
    return {name: value for node in chain for name, value in as_mapping(node.get(key)).items()}


def _named_by_model(leaf: Json) -> bool:
    """Whether the slug of a leaf comes from its model, which is the only place where it has to be removed."""
    provider = leaf.get("provider")
    named = isinstance(provider, str) and provider.startswith("@")
    model = as_mapping(leaf.get("override_params")).get("model")
    return (
        not (named or leaf.get("virtual_key") or leaf.get("passthrough"))
        and model_names_slug(model) is not None
    )

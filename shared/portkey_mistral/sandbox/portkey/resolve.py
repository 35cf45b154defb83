"""Resolves every name in a request, to make one that the open-source gateway understands.

The gateway behind the stand-in does not support slugs, virtual keys, saved configs, prompts or saved guardrails. It
gets a config with raw providers and keys, in which each target's host is the stand-in, which applies the target's
policy and answers for its provider (`upstream`). Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral.sandbox.portkey.access import Caller
from portkey_mistral.sandbox.portkey.definition import Account, Provider
from portkey_mistral.sandbox.portkey.errors import PortkeyError, unsupported
from portkey_mistral.sandbox.portkey.guardrails import (
    GUARDRAIL_KEYS,
    default_hooks,
    resolve_hooks,
)
from portkey_mistral.sandbox.portkey.names import (
    check_config_names,
    leaves,
    model_names_slug,
    passthrough_slug,
    request_slug,
    selected_config,
    without_slug,
)
from portkey_mistral.sandbox.portkey.parameters import fold
from portkey_mistral.sandbox.portkey.prompts import rendered
from portkey_mistral.sandbox.portkey.targets import (
    RequestContext,
    Target,
    as_mapping,
    resolve_target,
    unresolved_part,
    usable_host,
)

__all__ = ["Resolution", "resolve"]

Json = dict[str, Any]

_CONFIG = "x-portkey-config"
_PROVIDER = "x-portkey-provider"
_CUSTOM_HOST = "x-portkey-custom-host"
_DEFAULT_HOOKS = ("x-portkey-default-input-guardrails", "x-portkey-default-output-guardrails")
# Resolved here, or not allowed for clients: hosted Portkey deletes default guardrails that a client sends, and its
# gateway ignores the header for fill-in-the-middle.
_CONSUMED_HEADERS = frozenset(
    (
        _CONFIG,
        _PROVIDER,
        "x-portkey-virtual-key",
        "authorization",
        *_DEFAULT_HOOKS,
        "x-portkey-mistral-fim-completion",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The request for the gateway, and the targets that it may call.

    `body` is None if the client's is not a JSON object; its bytes are then sent unchanged.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: Json | None
    targets: Sequence[Target]
    default_output_guardrails: Sequence[Any]


def resolve(
    account: Account,
    caller: Caller,
    body: Json | None,
    *,
    prompt_id: str | None = None,
    address: Callable[[int], str],
    refuse: Callable[[str, Provider, Any], PortkeyError | None],
) -> Resolution:
    """Resolve a request in Portkey's order: config, prompts, keys, guardrails, then headers and model.

    `prompt_id` is the prompt in the URL. `address` returns the URL at which the gateway calls a target, by number.
    `refuse` returns the error if the policy of a slug currently refuses a model.

    Raises:
        PortkeyError: a name in the request, or in any target of its config, is unknown.
    """
    config = selected_config(account, caller)
    check_config_names(account, config or {}, prompt_route=prompt_id is not None)
    hooks = [_default_hooks(account, key) for key in GUARDRAIL_KEYS]
    request = _context(account, caller.headers, body or {}, prompt_id, refuse)
    targets = [resolve_target(request, path, chain) for path, chain in leaves(config or {})]
    folded = fold(request.body, [target.body for target in targets])
    _check_conditions(config or {}, folded.removed)
    nodes = [
        _leaf(target, override, address(number))
        for number, (target, override) in enumerate(zip(targets, folded.overrides, strict=True))
    ]
    headers = _headers(request, config, targets)
    headers |= {
        name: json.dumps(found) for name, found in zip(_DEFAULT_HOOKS, hooks, strict=True) if found
    }
    if config is not None:
        headers[_CONFIG] = json.dumps(_rebuilt(account, config, iter(nodes)))
    elif "custom_host" in nodes[0]:  # a request without a config has one target
        headers.setdefault(_CUSTOM_HOST, nodes[0]["custom_host"])
    return Resolution(
        headers=headers,
        body=None if body is None and prompt_id is None else folded.body,
        targets=targets,
        default_output_guardrails=hooks[1],
    )


def _context(
    account: Account,
    headers: Mapping[str, str],
    body: Json,
    prompt_id: str | None,
    refuse: Callable[[str, Provider, Any], PortkeyError | None],
) -> RequestContext:
    """Collect the names outside the request's config; a prompt in the URL replaces the body."""
    variables = as_mapping(body.get("variables"))
    prompt = None if prompt_id is None else account.prompts[prompt_id]
    if prompt is not None:
        own = {name: value for name, value in body.items() if name != "variables"}
        body = {**rendered(prompt, variables), **own}
    model = body.get("model")
    slug = request_slug(account, headers, model)
    if prompt is not None and _PROVIDER not in headers:
        slug = slug or prompt.provider
    return RequestContext(
        account=account,
        headers=headers,
        body={**body, "model": without_slug(model)} if model_names_slug(model) else body,
        variables=variables,
        slug=slug,
        passthrough=passthrough_slug(headers, model),
        refuse=refuse,
    )


def _leaf(target: Target, override: Json, address: str) -> Json:
    """Return a leaf as it is sent to the gateway."""
    leaf = dict(target.settings)
    if override:
        leaf["override_params"] = override
    if target.provider is not None:
        leaf.setdefault("custom_host", address)
    return leaf


def _rebuilt(account: Account, node: Json, nodes: Iterator[Json]) -> Json:
    """Return the config with its leaves replaced, in their order."""
    targets = node.get("targets")
    if not isinstance(targets, list):
        return _with_checks(account, next(nodes))
    replaced = [
        _rebuilt(account, target, nodes) if isinstance(target, dict) else target
        for target in targets
    ]
    return {**_with_checks(account, unresolved_part(node)), "targets": replaced}


def _with_checks(account: Account, node: Json) -> Json:
    hooks = {key: node[key] for key in GUARDRAIL_KEYS if isinstance(node.get(key), list)}
    return {
        **node,
        **{key: resolve_hooks(account.guardrails, found) for key, found in hooks.items()},
    }


def _headers(
    request: RequestContext, config: Json | None, targets: Sequence[Target]
) -> dict[str, str]:
    """Return the client's headers for the gateway, with the credentials of the target that they name."""
    sent = request.headers
    headers = {name: value for name, value in sent.items() if name not in _CONSUMED_HEADERS}
    if usable_host(sent.get(_CUSTOM_HOST)):
        del headers[_CUSTOM_HOST]
    named = request.account.providers[request.slug] if request.slug else None
    if named is not None:
        headers[_PROVIDER] = named.provider
    elif _PROVIDER in sent:
        headers[_PROVIDER] = sent[_PROVIDER]
    if config is None and named is not None:
        headers["authorization"] = f"Bearer {named.api_key.get_secret_value()}"
    elif "authorization" in sent and not any("provider" in each.settings for each in targets):
        headers["authorization"] = sent["authorization"]
    if config is None and _CONFIG in sent:
        headers[_CONFIG] = sent[_CONFIG]
    return headers


def _default_hooks(account: Account, key: str) -> list[Any]:
    """Return the guardrails of the organisation, then those of the workspace."""
    organisation, workspace = (
        getattr(each, key) for each in (account.organisation, account.workspace)
    )
    return default_hooks(account.guardrails, (*organisation, *workspace))


def _check_conditions(config: Json, removed: frozenset[str]) -> None:
    """Conditions test the client's body, which the gateway does not get if a key is dropped."""
    text = json.dumps(config)
    for name in removed:
        if f'"params.{name}"' in text:
            raise unsupported(f"a condition on params.{name}, which a target drops")

"""The HTTP request to a Portkey gateway: lane, headers, and the config that travels in one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral._wire.direct import path_of
from portkey_mistral._wire.http import HTTPRequest
from portkey_mistral._wire.json import dumps
from portkey_mistral._wire.lanes import (
    MISTRAL,
    AskedLane,
    Lane,
    Leaf,
    Route,
    choose_lane,
    keys_of_query,
    leaf_body,
)
from portkey_mistral.config import Config, checks
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import Operation

__all__ = ["GatewayOptions", "gateway_request", "lost_at"]

_MISTRAL_HOST = "https://api.mistral.ai/v1"
# Node, which the gateway runs on, takes 16 KB of headers in all.
_LARGEST_CONFIG = 14 * 1024
_LARGEST_HEADERS = 15 * 1024
# On the proxy route these are paths of their own; all others stand below /proxy.
_OWN_PATHS: frozenset[Operation] = frozenset({"fim", "moderate", "models"})
_GUARDS = frozenset(
    {
        "input_guardrails",
        "output_guardrails",
        "default_input_guardrails",
        "default_output_guardrails",
        "before_request_hooks",
        "after_request_hooks",
        "input_mutators",
        "output_mutators",
    }
)
_INHERITED = ("override_params", "custom_host")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """All that a request to the gateway needs besides its body. Keys are plain text here.

    `api_key` and `custom_host` go to each `mistral-ai` target that has none of its own. `request_timeout` is
    in seconds and beats the config's, in every target.
    """

    url: str
    portkey_api_key: str | None = field(default=None, repr=False)
    provider: str = MISTRAL
    virtual_key: str | None = field(default=None, repr=False)
    config: Config | None = None
    api_key: str | None = field(default=None, repr=False)
    custom_host: str | None = None
    trace_id: str | None = None
    metadata: Mapping[str, str] | None = None
    cache_namespace: str | None = None
    cache_force_refresh: bool | None = None
    forward_headers: Sequence[str] = ()
    lane: AskedLane = "auto"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class _Said:
    """The body of a request, and its config as it goes with it."""

    body: Mapping[str, Any]
    config: Mapping[str, Any] | None
    lost: tuple[str, ...] = ()


def gateway_request(
    body: Mapping[str, Any], operation: Operation, *, stream: bool, options: GatewayOptions
) -> tuple[HTTPRequest, Lane]:
    """Write the request that makes the gateway do what the canonical body says.

    Raises:
        ParameterLossError: no lane that may be taken carries every parameter.
        ConfigurationError: the config is too large, or does not go with the lane.
    """
    tree = _tree(options)
    route = _route(options, tree, body)
    lane = choose_lane(body, operation, route, options.lane)
    said = _said(body, operation, lane, tree, route)
    is_list = operation == "models"
    request = HTTPRequest(
        url=options.url.rstrip("/") + _path(body, operation, lane),
        body=None if is_list else dumps(said.body),
        headers=_headers(options, lane, said.config, stream=stream),
        method="GET" if is_list else "POST",
        lost=said.lost,
    )
    return request, lane


def lost_at(
    option_path: str, body: Mapping[str, Any], operation: Operation, options: GatewayOptions
) -> tuple[str, ...]:
    """Name what the target that answered (`x-portkey-last-used-option-index`) could not be told."""
    leaves = _route(options, _tree(options), body).leaves
    leaf = next((leaf for leaf in leaves if leaf.path == option_path), None)
    return () if leaf is None else leaf_body(body, leaf, operation, "proxy", overridden=True)[1]


def _path(body: Mapping[str, Any], operation: Operation, lane: Lane) -> str:
    path = path_of(operation, body)
    return f"/proxy{path}" if lane == "proxy" and operation not in _OWN_PATHS else path


# --- the config ------------------------------------------------------------------------------------


def _tree(options: GatewayOptions) -> dict[str, Any] | None:
    """Return the config that can be seen, every target with its key; None where there is none."""
    if options.config is None or options.config.slug is not None:
        return None
    return _completed(options.config.to_dict(secrets=True), {}, options)


def _completed(
    node: Mapping[str, Any], inherited: Mapping[str, Any], options: GatewayOptions
) -> dict[str, Any]:
    """Write what is inherited into the leaves, and the caller's key and host where there is none."""
    handed = {**inherited, **{name: node[name] for name in _INHERITED if node.get(name)}}
    handed["override_params"] = {
        **inherited.get("override_params", {}),
        **(node.get("override_params") or {}),
    }
    if "targets" in node:
        rest = {name: value for name, value in node.items() if name not in _INHERITED}
        return rest | {
            "targets": [_completed(target, handed, options) for target in node["targets"]]
        }
    leaf = {**node, **handed}
    if leaf.get("provider", MISTRAL) == MISTRAL and not leaf.get("virtual_key"):
        own = {"provider": MISTRAL, "api_key": options.api_key, "custom_host": options.custom_host}
        leaf |= {name: value for name, value in own.items() if value and not leaf.get(name)}
    return leaf


def _leaves(
    node: Mapping[str, Any], path: str = "config"
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if "targets" not in node:
        yield path, node
        return
    for at, target in enumerate(node["targets"]):
        yield from _leaves(target, f"{path}.targets[{at}]")


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for target in node.get("targets", ()):
        yield from _nodes(target)


def _route(
    options: GatewayOptions, tree: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> Route:
    if tree is None:
        return Route((Leaf("config", options.provider, {}),), _hidden(options, body))
    leaves = dict(_leaves(tree))
    kept = next((path for path, leaf in leaves.items() if _is_kept_by_portkey(leaf)), None)
    return Route(
        tuple(
            Leaf(path, leaf.get("provider", MISTRAL), leaf.get("override_params", {}))
            for path, leaf in leaves.items()
        ),
        hidden=f"{kept} is kept by Portkey, so they cannot be seen from here" if kept else None,
        guarded=any(node.get(guard) for node in _nodes(tree) for guard in _GUARDS),
        tested=frozenset(
            key
            for node in _nodes(tree)
            for condition in (node.get("strategy") or {}).get("conditions") or ()
            for key in keys_of_query(condition.get("query"))
        ),
    )


def _is_kept_by_portkey(leaf: Mapping[str, Any]) -> bool:
    return bool(leaf.get("virtual_key")) or str(leaf.get("provider", "")).startswith("@")


def _hidden(options: GatewayOptions, body: Mapping[str, Any]) -> str | None:
    unseen = "so they cannot be seen from here"
    if options.config is not None:
        return f"the config {options.config.slug!r} is kept by Portkey, {unseen}"
    if options.virtual_key is not None:
        return f"the virtual key stands for settings that Portkey keeps, {unseen}"
    if options.provider.startswith("@") or str(body.get("model", "")).startswith("@"):
        return f"the provider is one that Portkey keeps, {unseen}"
    if options.portkey_api_key is not None and options.api_key is None:
        return f"the Portkey key may stand for a config that Portkey keeps, {unseen}"
    return None


def _said(
    body: Mapping[str, Any],
    operation: Operation,
    lane: Lane,
    tree: Mapping[str, Any] | None,
    route: Route,
) -> _Said:
    """Spell the body so that each target is told the same in its own words.

    What all of them are told alike is the body; what differs goes into each target's `override_params`.
    """
    plain = [leaf_body(body, leaf, operation, lane, overridden=False)[0] for leaf in route.leaves]
    common = {
        name: value for name, value in plain[0].items() if all(name in told for told in plain)
    }
    if tree is None:
        return _Said(common, None)
    overrides: dict[str, dict[str, Any]] = {}
    lost: list[frozenset[str]] = []
    for leaf in route.leaves:
        told, left_out = leaf_body(body, leaf, operation, lane, overridden=True)
        overrides[leaf.path] = _difference(common, told)
        lost.append(frozenset(left_out))
    # Which target will answer is not known here, so only what none of them can be told is lost for sure.
    return _Said(
        common, _with_overrides(tree, overrides), tuple(sorted(frozenset.intersection(*lost)))
    )


def _difference(common: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    missing = dict.fromkeys(name for name in common if name not in told)
    changed = {
        name: value for name, value in told.items() if name not in common or common[name] != value
    }
    return missing | changed


def _with_overrides(
    node: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]], path: str = "config"
) -> dict[str, Any]:
    if "targets" in node:
        targets = [
            _with_overrides(target, overrides, f"{path}.targets[{at}]")
            for at, target in enumerate(node["targets"])
        ]
        return {**node, "targets": targets}
    rest = {name: value for name, value in node.items() if name != "override_params"}
    return rest | ({"override_params": overrides[path]} if overrides[path] else {})


# --- headers ---------------------------------------------------------------------------------------


def _headers(
    options: GatewayOptions, lane: Lane, config: Mapping[str, Any] | None, *, stream: bool
) -> dict[str, str]:
    named = {
        "x-portkey-api-key": options.portkey_api_key,
        "x-portkey-trace-id": options.trace_id,
        "x-portkey-metadata": _ascii_json(options.metadata) if options.metadata else None,
        "x-portkey-cache-namespace": options.cache_namespace,
        # The open-source gateway only looks whether it is there, so a false one would refresh too.
        "x-portkey-cache-force-refresh": "true" if options.cache_force_refresh else None,
        "x-portkey-forward-headers": ",".join(options.forward_headers) or None,
        "x-portkey-request-timeout": _milliseconds(options.request_timeout),
        **_routing(options, lane, config),
    }
    own = {name.lower(): value for name, value in options.headers.items()}
    if lane == "proxy" and "authorization" in own:
        raise ConfigurationError(
            "An Authorization header would replace the key of every target on the gateway's proxy lane: "
            "take it out of the headers, and give api_key= or the targets' own keys."
        )
    headers = {
        "accept": "text/event-stream" if stream else "application/json",
        "content-type": "application/json",
        **own,
        **{name: _checked(name, value) for name, value in named.items() if value},
    }
    _check_size(headers)
    return headers


def _check_size(headers: Mapping[str, str]) -> None:
    size = sum(len(name) + len(value) + len(": \r\n") for name, value in headers.items())
    if size > _LARGEST_HEADERS:
        raise ConfigurationError(
            f"The headers are {size} bytes, and the gateway takes about {_LARGEST_HEADERS}: the config, "
            "portkey_metadata and your own headers together. Make them smaller, or store the config at "
            "Portkey and pass its slug."
        )


def _routing(
    options: GatewayOptions, lane: Lane, config: Mapping[str, Any] | None
) -> dict[str, str | None]:
    """Say where the gateway is to send the request, and with which key."""
    if lane == "passthrough":
        return _passthrough(options)
    if config is None and lane == "proxy" and _can_be_inline(options):
        # Here an Authorization header would go upstream beside, and above, the key of the target.
        config = {"provider": options.provider, "api_key": options.api_key}
        config |= {"custom_host": options.custom_host} if options.custom_host else {}
    # By default the unified route turns the finish reason "error" into "stop".
    strict = {"x-portkey-strict-open-ai-compliance": "false" if lane == "unified" else None}
    if config is not None:
        return {"x-portkey-config": _config_text(config), **strict}
    if options.config is not None:
        return {"x-portkey-config": options.config.slug, **_from_outside(options, lane), **strict}
    return {"x-portkey-provider": options.provider, **_from_outside(options, lane), **strict}


def _can_be_inline(options: GatewayOptions) -> bool:
    return (
        options.config is None
        and options.api_key is not None
        and options.virtual_key is None
        and not options.provider.startswith("@")
    )


def _from_outside(options: GatewayOptions, lane: Lane) -> dict[str, str | None]:
    """Key and host for a target that is not written out in a config of ours."""
    key = options.api_key if lane == "unified" else None
    return {
        "x-portkey-virtual-key": options.virtual_key,
        "x-portkey-custom-host": options.custom_host,
        "authorization": f"Bearer {key}" if key else None,
    }


def _passthrough(options: GatewayOptions) -> dict[str, str | None]:
    if options.config is not None:
        raise ConfigurationError(
            "gateway_lane='passthrough' sends to one host and takes no config: drop portkey_config, or "
            "choose another lane."
        )
    return {
        "x-portkey-provider": "passthrough",
        "x-portkey-custom-host": options.custom_host or _MISTRAL_HOST,
        "authorization": f"Bearer {options.api_key}" if options.api_key else None,
    }


def _config_text(config: Mapping[str, Any]) -> str:
    text = _ascii_json(config)
    if len(text) > _LARGEST_CONFIG:
        raise ConfigurationError(
            f"The config is {len(text)} bytes as a header, and the gateway takes about {_LARGEST_CONFIG}. "
            "Make it smaller, store it at Portkey and pass its slug, or call without a gateway."
        )
    return text


def _ascii_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=dict)


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else str(max(1, round(seconds * 1000)))


def _checked(name: str, value: str) -> str:
    if not checks.is_header_text(value):
        raise ConfigurationError(f"The header {name} can hold only printable ASCII characters.")
    return value

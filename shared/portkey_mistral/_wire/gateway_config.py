"""The config that is sent to the gateway with a request, and the parameters of the request that move into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from portkey_mistral._api import Operation
from portkey_mistral._providers import MISTRAL, is_slug, slug_of
from portkey_mistral._wire.dialects import dialect_of
from portkey_mistral._wire.folded_parameters import fold_parameters
from portkey_mistral._wire.forwarded_headers import unforwarded_headers
from portkey_mistral._wire.gateway_lane import encode_for_leaf, keys_of_query
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral._wire.gateway_route import Leaf, Route
from portkey_mistral.config.gateway_keys import names_provider
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.responses import Lane

__all__ = [
    "EncodedWithConfig",
    "check_slug_of_model",
    "complete_config",
    "encode_with_config",
    "is_out_of_sight",
    "route_of",
]

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

# The conditions' keys of fields that OpenAI's own API has under another name, or not at all.
_RENAMED_BY_OPENAI = frozenset({"params.max_tokens", "params.metadata"})


# --- the config -------------------------------------------------------------------------------------


def complete_config(
    options: GatewayOptions, body: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, Mapping[str, Any]]:
    """Return an inline config whose Mistral targets have a key and a host, the caller's if they had none, and its body.

    Targets without a provider get one only for the open-source gateway; elsewhere Portkey resolves them. The config is
    None for a slug, and without a config.
    """
    if options.config is None or options.config.slug is not None:
        return None, body
    config: Mapping[str, Any] = options.config.to_dict(secrets=True)
    if options.open_source:
        config, body = fold_parameters(config, body, tested=frozenset(_condition_keys(config)))
    default = options.raw_provider(body.get("model")) if options.can_be_inline else None
    return _complete(config, {}, options, default), body


def check_slug_of_model(config: Mapping[str, Any] | None, model: object) -> None:
    """Raise if a target names another provider than the slug in the model of the call.

    Portkey cuts the slug off the model before it runs the config, and sends the model to the target's own provider (read
    in the gateway's branch 2.0.0). A target with a model of its own does not use that of the call.
    """
    slug = slug_of(model)
    if slug is None or config is None:
        return
    for path, leaf in _leaves(config):
        own = slug_of(leaf.get("provider")) or leaf.get("virtual_key")
        if own and own != slug and not leaf["override_params"].get("model"):
            key = "provider" if slug_of(leaf.get("provider")) else "virtual_key"
            raise ConfigurationError(
                f"model={model!r} names a provider, and {path}.{key} names another, which Portkey would call with the model "
                "of that name. Pass the plain name of the model, or give the target a model of its own in override_params."
            )


def _complete(
    node: Mapping[str, Any],
    inherited: Mapping[str, Any],
    options: GatewayOptions,
    default_provider: str | None,
) -> dict[str, Any]:
    inherited = _extended(inherited, node)
    if "targets" in node:
        default_provider = MISTRAL if options.open_source else None
        targets = [
            _complete(target, inherited, options, default_provider) for target in node["targets"]
        ]
        return {**node, "targets": targets}
    leaf = {**node, **inherited}
    if default_provider is not None and not names_provider(leaf):
        leaf["provider"] = default_provider
    provider = leaf.get("provider")
    if _is_resolved_by_portkey(leaf) or provider not in (MISTRAL, default_provider):
        return dict(node)
    host = None if inherited.get("custom_host") else options.host_of(provider)
    own = {"provider": provider, "api_key": options.api_key, "custom_host": host}
    return {**node, **{name: value for name, value in own.items() if value and not node.get(name)}}


def _extended(inherited: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the targets of a node inherit."""
    overrides = {**inherited.get("override_params", {}), **(node.get("override_params") or {})}
    host = node.get("custom_host") or inherited.get("custom_host")
    return {"override_params": overrides, "custom_host": host}


def _leaves(
    node: Mapping[str, Any], path: str = "config", inherited: Mapping[str, Any] | None = None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each target with its inherited settings, and its option path."""
    inherited = _extended(inherited or {}, node)
    if "targets" not in node:
        yield path, {**node, **inherited}
        return
    for index, target in enumerate(node["targets"]):
        yield from _leaves(target, f"{path}.targets[{index}]", inherited)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for target in node.get("targets", ()):
        yield from _nodes(target)


# --- its route ---------------------------------------------------------------------------------


def route_of(
    options: GatewayOptions, config: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> Route:
    """Return where the gateway may send a request. `config` is the completed one."""
    hosted = options.is_hosted(body.get("model"))
    if config is None:
        leaf = Leaf("config", options.provider or MISTRAL, {})
        return Route((leaf,), hosted=hosted, unforwarded=_unforwarded(options))
    leaves, tested = dict(_leaves(config)), frozenset(_condition_keys(config))
    return Route(
        tuple(_leaf(path, leaf, options, tested) for path, leaf in leaves.items()),
        hosted=hosted or any(map(_is_resolved_by_portkey, leaves.values())),
        guarded=any(node.get(guard) for node in _nodes(config) for guard in _GUARDS),
        condition_keys=tested,
        unforwarded=_unforwarded(options),
    )


def _leaf(
    path: str, node: Mapping[str, Any], options: GatewayOptions, tested: frozenset[str]
) -> Leaf:
    provider = node.get("provider") or options.provider or MISTRAL
    dialect = dialect_of(provider, node.get("custom_host"))
    if not _RENAMED_BY_OPENAI.isdisjoint(tested):
        # A condition finds a field of the body only by the name that all targets have in common.
        dialect = "openai-compatible"
    return Leaf(path, provider, node["override_params"], dialect)


def is_out_of_sight(options: GatewayOptions, body: Mapping[str, Any]) -> bool:
    """Whether only Portkey knows the targets of a request, which may then be of any provider."""
    config, body = complete_config(options, body)
    if config is None:
        model = body.get("model")
        return options.names_stored(model) or options.uses_default_config(model)
    return any(_is_resolved_by_portkey(leaf) for _, leaf in _leaves(config))


def _unforwarded(options: GatewayOptions) -> tuple[str, ...]:
    config = options.config
    targets = () if config is None else config.targets()  # none for a slug
    names = [target.forward_headers for target in targets]
    return unforwarded_headers(options.headers, names, options.forward_headers)


def _condition_keys(config: Mapping[str, Any]) -> Iterator[str]:
    for node in _nodes(config):
        for condition in (node.get("strategy") or {}).get("conditions") or ():
            yield from keys_of_query(condition.get("query"))


def _is_resolved_by_portkey(leaf: Mapping[str, Any]) -> bool:
    provider = leaf.get("provider")
    return (
        not provider
        or is_slug(provider)
        or any(leaf.get(key) for key in ("virtual_key", "prompt_id", "passthrough"))
        or is_slug(leaf["override_params"].get("model"))
    )


# --- the body ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EncodedWithConfig:
    """The body of a request and its config. `lost` names parameters that are sent to no target."""

    body: Mapping[str, Any]
    config: Mapping[str, Any] | None
    lost: tuple[str, ...] = ()


def encode_with_config(
    body: Mapping[str, Any],
    operation: Operation,
    lane: Lane,
    config: Mapping[str, Any] | None,
    route: Route,
) -> EncodedWithConfig:
    """Encode a request so that each target gets it in its own dialect.

    The parts that are the same in all dialects make up the body; the others go into each target's `override_params`.
    """
    bodies = [
        encode_for_leaf(body, leaf, operation, lane, with_overrides=False).body
        for leaf in route.leaves
    ]
    common = {
        name: value for name, value in bodies[0].items() if all(name in each for each in bodies)
    }
    if config is None:
        return EncodedWithConfig(common, None)
    encoded = {
        leaf.path: encode_for_leaf(body, leaf, operation, lane, with_overrides=True)
        for leaf in route.leaves
    }
    # The gateway passes a null in override_params on as null, so it cannot remove a parameter. A parameter that some
    # target must not get is left out of the body, and the others get it as an override. Parameters that a condition
    # tests have to stay in the body.
    common = {
        name: value
        for name, value in common.items()
        if f"params.{name}" in route.condition_keys
        or all(name in each.body for each in encoded.values())
    }
    overrides = {path: _difference(common, each.body) for path, each in encoded.items()}
    as_written = all(
        {**common, **leaf.overrides} == {**common, **overrides[leaf.path]} for leaf in route.leaves
    )
    # The target is not known yet, so only parameters that are sent to none of them are certain to be lost.
    lost = frozenset.intersection(*(frozenset(each.lost) for each in encoded.values()))
    return EncodedWithConfig(
        common, config if as_written else _with_overrides(config, overrides), tuple(sorted(lost))
    )


def _difference(common: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overrides that turn `common` into `body`; null removes a field."""
    removed = dict.fromkeys(name for name in common if name not in body)
    changed = {
        name: value for name, value in body.items() if name not in common or common[name] != value
    }
    return removed | changed


def _with_overrides(
    node: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]], path: str = "config"
) -> dict[str, Any]:
    rest = {name: value for name, value in node.items() if name != "override_params"}
    if "targets" in node:
        targets = [
            _with_overrides(target, overrides, f"{path}.targets[{index}]")
            for index, target in enumerate(node["targets"])
        ]
        return {**rest, "targets": targets}
    return rest | ({"override_params": overrides[path]} if overrides[path] else {})

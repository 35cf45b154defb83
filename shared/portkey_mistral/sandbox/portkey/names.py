"""Names in a request: the config, slug, virtual key or prompt, in every form, and their precedence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from portkey_mistral.sandbox.portkey.access import Caller
from portkey_mistral.sandbox.portkey.definition import Account
from portkey_mistral.sandbox.portkey.errors import (
    config_override_forbidden,
    invalid_names,
    mapping_error,
)
from portkey_mistral.sandbox.portkey.guardrails import GUARDRAIL_KEYS, unknown_guardrails

__all__ = [
    "check_config_names",
    "leaf_slug",
    "leaves",
    "model_names_slug",
    "passthrough_slug",
    "prompt_of",
    "request_slug",
    "selected_config",
    "without_slug",
]

Json = dict[str, Any]

_CONFIG = "x-portkey-config"
_PROVIDER = "x-portkey-provider"
_VIRTUAL_KEY = "x-portkey-virtual-key"
# Model names that also begin with "@", but are not slugs.
_NO_SLUGS = ("@cf/", "@hf/")


def selected_config(account: Account, caller: Caller) -> Json | None:
    """Return the config of a request: its own, else the key's default, else the workspace's.

    A config of the request replaces a default one, and is never merged with it. Text that is not a JSON object is
    ignored at this stage, and rejected later by the gateway's validator.

    Raises:
        PortkeyError: an unknown id, or a config although the key's default must not be overridden.
    """
    sent = caller.headers.get(_CONFIG)
    defaults = caller.key.defaults
    if sent is not None and not defaults.allow_config_override:
        raise config_override_forbidden()
    if sent is not None and not sent.startswith("pc-"):
        return _json_object(sent)
    name = sent or defaults.config_id or account.workspace.defaults.config_id
    if name is None:
        return None
    if name not in account.configs:
        raise mapping_error("Invalid config id passed")
    return account.configs[name].as_json()


def leaves(
    node: Json, path: str = "config", above: Sequence[Json] = ()
) -> Iterator[tuple[str, Sequence[Json]]]:
    """Yield each leaf of a config: its path as the gateway names it, and the nodes from the root to it."""
    chain = (*above, node)
    targets = node.get("targets")
    if not isinstance(targets, list):
        yield path, chain
        return
    for index, target in enumerate(targets):
        if isinstance(target, dict):
            yield from leaves(target, f"{path}.targets[{index}]", chain)


def check_config_names(account: Account, config: Json, *, prompt_route: bool) -> None:
    """Resolve every name in a config, in all targets, before anything is sent.

    Raises:
        PortkeyError: a name is unknown, even in a target that would not be called.
    """
    chains = [chain for _, chain in leaves(config)]
    prompts = [name for chain in chains if (name := prompt_of(chain[-1]))]
    if prompts and not prompt_route:
        raise mapping_error("You cannot pass config with prompt id in /v1/prompts route")
    if unknown := [name for name in prompts if name not in account.prompts]:
        raise invalid_names("prompt_id", unknown)
    slugs = [slug for chain in chains if (slug := leaf_slug(account, chain[-1]))]
    if unknown := [slug for slug in slugs if slug not in account.providers]:
        raise invalid_names("keys", unknown)
    hooks = [hook for chain in chains for node in chain for hook in _hooks(node)]
    if unknown := unknown_guardrails(account.guardrails, hooks):
        raise invalid_names("guardrails", dict.fromkeys(unknown))


def leaf_slug(account: Account, leaf: Mapping[str, Any]) -> str | None:
    """Return the slug that a leaf names: its provider, then its virtual key, then its model."""
    provider = leaf.get("provider")
    if isinstance(provider, str) and provider.startswith("@"):
        return provider.removeprefix("@")
    if virtual_key := leaf.get("virtual_key"):
        return str(virtual_key)
    if slug := model_names_slug(_own_model(leaf)):
        return slug
    prompt = account.prompts.get(prompt_of(leaf) or "")
    return prompt.provider if prompt else None


def prompt_of(leaf: Mapping[str, Any]) -> str | None:
    """Return the prompt that a leaf names."""
    prompt_id = leaf.get("prompt_id")
    return prompt_id if isinstance(prompt_id, str) and prompt_id else None


def request_slug(account: Account, headers: Mapping[str, str], model: Any) -> str | None:
    """Return the slug named outside a config: in the provider header, a virtual key, or the model.

    Raises:
        PortkeyError: it is unknown, even if the config names its own providers.
    """
    slug = _header_slug(headers) or headers.get(_VIRTUAL_KEY) or model_names_slug(model)
    if slug and slug not in account.providers:
        raise invalid_names("keys", [slug])
    return slug or None


def passthrough_slug(headers: Mapping[str, str], model: Any) -> str | None:
    """Return the name from which a passthrough target is resolved: the provider header, else the model."""
    return _header_slug(headers) or model_names_slug(model)


def model_names_slug(model: Any) -> str | None:
    """Return the slug of `@slug/model`."""
    if not isinstance(model, str) or not model.startswith("@") or model.startswith(_NO_SLUGS):
        return None
    return model[1:].partition("/")[0]


def without_slug(model: Any) -> Any:
    """Return the model of `@slug/model`, which may contain further slashes; any other unchanged."""
    return model.partition("/")[2] if model_names_slug(model) else model


def _header_slug(headers: Mapping[str, str]) -> str | None:
    provider = headers.get(_PROVIDER, "")
    return provider[1:].partition("/")[0] if provider.startswith("@") else None


def _own_model(leaf: Mapping[str, Any]) -> Any:
    override = leaf.get("override_params")
    return override.get("model") if isinstance(override, Mapping) else None


def _hooks(node: Mapping[str, Any]) -> list[Any]:
    lists = (node.get(key) for key in GUARDRAIL_KEYS)
    return [hook for hooks in lists if isinstance(hooks, list) for hook in hooks]


def _json_object(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

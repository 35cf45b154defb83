"""The keys of a config that only a gateway supports, and those that name a target's provider."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portkey_mistral._providers import is_slug

__all__ = ["GATEWAY_KEYS", "INHERITED_GATEWAY_KEYS", "is_cloud_key", "names_provider"]

_CLOUD_KEYS = re.compile(
    r"(aws|amzn|azure|vertex|openai|anthropic|huggingface|fireworks|snowflake|oracle|databricks|stability|workers_ai)"
    r"_\w+|resource_name|deployment_id|api_version"
)

INHERITED_GATEWAY_KEYS = (
    "input_guardrails",
    "output_guardrails",
    "default_input_guardrails",
    "default_output_guardrails",
    "before_request_hooks",
    "after_request_hooks",
    "input_mutators",
    "output_mutators",
)
"""Lists that only a gateway supports; a target without one inherits its parent's."""

GATEWAY_KEYS = (
    "prompt_id",
    "deployments",
    "metadata",
    "strict_open_ai_compliance",
    "fetch_integrated_models",
    "allow_subdomain",
    "is_open",
)
"""The other keys that only a gateway supports, besides those of cloud providers."""


def is_cloud_key(name: str) -> bool:
    """Whether a key configures a cloud provider, which only the gateway supports."""
    return _CLOUD_KEYS.fullmatch(name) is not None


_PROVIDER_KEYS = ("provider", "virtual_key", "prompt_id", "passthrough", "deployments")


def names_provider(leaf: Mapping[str, Any]) -> bool:
    """Whether a target names its provider. In direct mode one that does not is Mistral's."""
    model = (leaf.get("override_params") or {}).get("model")
    return is_slug(model) or any(leaf.get(key) for key in _PROVIDER_KEYS)

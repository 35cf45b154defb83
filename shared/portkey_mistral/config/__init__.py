"""The Portkey config as validated, typed values.

`Config.parse` goes `load` (mapping, JSON, file, slug) -> `schema` (keys and values) -> `build` (tree of `values`).
`support` knows what direct mode and gateways do not support; `drawing/` renders a config.
"""

from portkey_mistral.config.config import Config
from portkey_mistral.config.mode_support import (
    UnknownConfigKeyWarning,
    check_direct_config,
    check_gateway_config,
    direct_problems,
    gateway_problems,
    unknown_keys,
)
from portkey_mistral.config.values import (
    DEFAULT_RETRY_CODES,
    Breaker,
    Cache,
    Condition,
    Conditional,
    Fallback,
    LoadBalance,
    Node,
    RenamedHeader,
    Retry,
    Single,
    Skip,
    Sticky,
    Strategy,
    Target,
    leaves,
    reachable,
)

__all__ = [
    "DEFAULT_RETRY_CODES",
    "Breaker",
    "Cache",
    "Condition",
    "Conditional",
    "Config",
    "Fallback",
    "LoadBalance",
    "Node",
    "RenamedHeader",
    "Retry",
    "Single",
    "Skip",
    "Sticky",
    "Strategy",
    "Target",
    "UnknownConfigKeyWarning",
    "check_direct_config",
    "check_gateway_config",
    "direct_problems",
    "gateway_problems",
    "leaves",
    "reachable",
    "unknown_keys",
]

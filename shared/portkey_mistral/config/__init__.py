"""The Portkey config: read in both of its spellings, checked, and kept as typed values.

`values` is what a config says, `config` the whole of it; reading goes `source` -> `schema` -> `tree`.
"""

from portkey_mistral.config.config import Config
from portkey_mistral.config.faults import (
    check_direct_config,
    check_gateway_config,
    direct_faults,
    gateway_faults,
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
    Retry,
    Single,
    Skip,
    Strategy,
    Target,
)
from portkey_mistral.config.walk import leaves, reachable

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
    "Retry",
    "Single",
    "Skip",
    "Strategy",
    "Target",
    "check_direct_config",
    "check_gateway_config",
    "direct_faults",
    "gateway_faults",
    "leaves",
    "reachable",
]

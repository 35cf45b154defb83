"""Looks up in the state store which target each sticky load balance of a call is bound to."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from portkey_mistral._routing.strategies import pick
from portkey_mistral._transport.call import Call

__all__ = ["kept_picks"]

_rng = (
    random.SystemRandom()
)  # forked workers would draw the same numbers from a generator with a state


def kept_picks(call: Call[Any]) -> Mapping[str, int]:
    """Return the index of the bound target, by the option path of the load balance.

    The first request with a key draws the target for all that follow. As at Portkey, it is bound before the call, so a
    target that fails stays bound.
    """
    return {
        balance.path: call.state.bind(
            balance.key, pick(balance.sums, _rng.random()), balance.ttl, time.time()
        )
        for balance in call.sticky
    }

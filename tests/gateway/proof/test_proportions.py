"""The share of traffic of each weight. Neither side's random numbers can be set, so many requests are sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from parity import Case, ours, theirs

pytestmark = pytest.mark.gateway

CALLS = 400
# Chi-square that chance exceeds once in 100,000 runs, by degrees of freedom (number of targets less one).
LIMITS = {1: 19.51, 2: 23.03, 3: 25.90}


def chi_square(counts: Sequence[int], weights: Sequence[float]) -> float:
    expected = [sum(counts) * weight / sum(weights) for weight in weights]
    pairs = zip(counts, expected, strict=True)
    return sum((count - mean) ** 2 / mean for count, mean in pairs)


MORE = [
    pytest.param(weights, marks=pytest.mark.full)
    for weights in [(1, 1), (0.7, 0.3), (None, 9), (5, 0, 3, 2)]
]


@pytest.mark.parametrize("weights", [(3, 1), *MORE], ids=str)
@pytest.mark.parametrize("side", ["gateway", "ours"])
def test_each_target_gets_its_share(side, weights, gateway, upstream):
    targets = [
        {"provider": "mistral-ai", "api_key": f"key-{at}", "custom_host": f"t{at}"}
        | ({} if weight is None else {"weight": weight})
        for at, weight in enumerate(weights)
    ]
    config = {"strategy": {"mode": "loadbalance"}, "targets": targets}
    case = Case(config, {}, fields={"model": "mistral-small-latest"})

    def call(_):
        trace = theirs(case, gateway, upstream) if side == "gateway" else ours(case, upstream)
        return trace.keys

    with ThreadPoolExecutor(8) as threads:
        hits = Counter(key for keys in threads.map(call, range(CALLS)) for key in keys)
    assert hits.total() == CALLS
    # The default weight is 1; a target of weight 0 gets nothing.
    shares = [1 if weight is None else weight for weight in weights]
    living = [at for at, share in enumerate(shares) if share]
    counts = [hits.pop(f"key-{at}", 0) for at in living]
    assert not hits
    assert chi_square(counts, [shares[at] for at in living]) < LIMITS[len(living) - 1]


def test_the_test_detects_a_wrong_share():
    """Equal counts are rejected for a share of three to one, and a fair draw is not."""
    assert chi_square([200, 200], [3, 1]) > LIMITS[1]
    assert chi_square([290, 110], [3, 1]) < LIMITS[1]

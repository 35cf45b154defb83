"""The same config against the same upstream, through the real gateway and through our engine: no difference.

`PROOF_CASES=5000` draws so many cases in the full test, and `PROOF_SEED` repeats a run.
"""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from parity import Case, Trace, ours, theirs
from routing_cases import cases, has_short_limit, readable

pytestmark = pytest.mark.gateway

SIDE_BY_SIDE = 16
LIMITED_TRIES = 3
FULL = int(os.environ.get("PROOF_CASES", "300"))
SEED = int(os.environ.get("PROOF_SEED", random.SystemRandom().getrandbits(32)))
# A case takes about a second for each target that is tried again, whatever the machine.
SECONDS = 180 + FULL


@pytest.mark.parametrize(
    "count",
    [40, pytest.param(FULL, marks=[pytest.mark.full, pytest.mark.timeout(SECONDS)])],
    ids=["few", "full"],
)
def test_routes_as_the_gateway_does(count, gateway, upstream):
    """Each thread draws, and on a difference shrinks, cases of its own; the others then stop."""
    print(f"PROOF_SEED={SEED}")
    found = threading.Event()

    def search(number):
        return _search(gateway, upstream, SEED + number, _share(count, number), found)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        ran = list(threads.map(search, range(SIDE_BY_SIDE)))
    assert sum(ran) >= count


def _share(count, number):
    return count // SIDE_BY_SIDE + (number < count % SIDE_BY_SIDE)


def _search(gateway, upstream, start, count, found):
    mine, ran = False, 0

    @seed(start)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def property_(case):
        nonlocal mine, ran
        ran += 1
        if found.is_set() and not mine:
            return
        try:
            _compare(case, gateway, upstream)
        except BaseException:
            mine = True
            found.set()
            raise

    property_()
    return ran


def _compare(case, gateway, upstream):
    # On a busy machine an answer may come too late for a short time limit. That does not happen again and
    # again, as a difference does.
    for _ in range(LIMITED_TRIES if has_short_limit(case) else 1):
        own = seen(case, ours(case, upstream))
        gateways = seen(case, theirs(readable(case), gateway, upstream))
        if own == gateways:
            return
    assert own == gateways


def seen(case: Case, trace: Trace) -> dict[str, object]:
    """What has to be the same. The gateway's unified route rewrites bodies, so they say nothing there."""
    return {
        "hits": [
            (hit.key, hit.target, hit.path, _body(hit.body) if case.lane == "proxy" else None)
            for hit in trace.hits
        ],
        "status": trace.status,
        "path": trace.path,
    }


def _body(body):
    # Null is "not set" to Mistral: the gateway sends it, and we do not.
    return {name: value for name, value in body.items() if value is not None}

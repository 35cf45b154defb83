"""What forked workers do not share with each other."""

from __future__ import annotations

import os

import pytest

from portkey_mistral._transport import run, sticky


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("module", [run, sticky], ids=["weights and jitter", "sticky picks"])
def test_forked_workers_draw_numbers_of_their_own(module: object) -> None:
    """Or all of them would send their first requests to the same target, and retry at the same time."""
    drawn = {_drawn_in_a_fork(module) for _ in range(4)}
    assert len(drawn) == 4


def _drawn_in_a_fork(module: object) -> bytes:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, module._rng.random().hex().encode())  # type: ignore[attr-defined]
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        number = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert number
    return number

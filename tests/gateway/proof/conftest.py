"""The real gateway and a scripted upstream, shared by many cases at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

import upstream as scripted
from parity import Gateway
from portkey_mistral._transport import run
from upstream import Upstream


@pytest.fixture(scope="session")
def gateway(portkey_gateway_url: str) -> Iterator[Gateway]:
    running = Gateway(portkey_gateway_url)
    with running.client:
        yield running


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    with scripted.running() as running:
        yield running


@pytest.fixture(
    autouse=True, scope="module"
)  # of the session, it would reach tests of other folders
def _quick_backoff() -> Iterator[None]:
    """Our engine waits for moments where the gateway waits for seconds: its delays are no matter here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "plan", partial(run.plan, backoff=0.01))
        yield

"""pytest fixtures that give your own tests an offline Mistral. Installed with the package."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from portkey_mistral.sandbox import Sandbox

# This module is imported by every pytest run on a machine that has the package, so it imports nothing
# of it before a fixture is asked for.


@pytest.fixture
def mistral_sandbox() -> Iterator[Sandbox]:
    """The sandbox behind `base_url="sandbox:"`, without faults and requests of other tests."""
    from portkey_mistral import sandbox

    sandbox.reset()
    yield sandbox.get()
    sandbox.reset()


@pytest.fixture(scope="session")
def _mistral_sandbox_server() -> Iterator[str]:
    from portkey_mistral.sandbox.server import running

    with running() as url:
        yield url


@pytest.fixture
def mistral_sandbox_url(_mistral_sandbox_server: str, mistral_sandbox: Sandbox) -> str:
    """The base URL of the sandbox over HTTP, such as `http://127.0.0.1:40123/v1`.

    It is the sandbox of `mistral_sandbox`, which scripts it; `/s/NAME/v1` in place of `/v1` is another.
    """
    del mistral_sandbox
    return f"{_mistral_sandbox_server}/v1"

"""A real Portkey gateway, and behind it the sandbox over HTTP, one for each target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters import ADAPTERS, KEY, Adapter
from portkey_mistral.sandbox.portkey import gateway


@pytest.fixture(scope="session")
def portkey_gateway_url() -> Iterator[str]:
    with gateway.running() as url:
        yield url


@pytest.fixture
def target(mistral_sandbox_url: str) -> Callable[..., dict[str, Any]]:
    """Describe a target of a Portkey config that is served by the sandbox of the given name."""
    root = mistral_sandbox_url.removesuffix("/v1")

    def describe(name: str = "default", **more: Any) -> dict[str, Any]:
        where = f"{root}/s/{name}/v1"
        return {"provider": "mistral-ai", "api_key": KEY, "custom_host": where, **more}

    return describe


@pytest.fixture(
    params=ADAPTERS, ids=[f"{adapter_class.framework}-{mode}" for adapter_class, mode in ADAPTERS]
)
def connect(request: pytest.FixtureRequest, portkey_gateway_url: str) -> Callable[..., Adapter]:
    """Return an `Adapter` of each framework and mode in turn that calls through the gateway."""
    adapter_class, mode = request.param

    def make(portkey_config: Any = None, **fields: Any) -> Adapter:
        connection = {"gateway_url": portkey_gateway_url, "portkey_config": portkey_config}
        return adapter_class(sync=mode == "sync", **connection, max_retries=0, **fields)

    return make

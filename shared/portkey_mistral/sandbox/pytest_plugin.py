"""pytest fixtures for an offline Mistral API in your own tests. Installed with the package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from portkey_mistral.sandbox import Sandbox
    from portkey_mistral.sandbox.portkey import PortkeySandbox

# Every pytest run in an environment with this package imports this module, so it imports the rest only
# when a fixture or the option is used.

REDIRECT = "mistral_sandbox_redirect"
_REDIRECTED = frozenset(
    {
        "api_key",
        "base_url",
        "portkey_api_key",
        "gateway_url",
        "portkey_config",
        "provider",
        "virtual_key",
    }
)
"""The settings whose variables decide where a call goes, and with which key."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `mistral_sandbox_redirect` to pytest's configuration file."""
    text = (
        "Use the sandbox for every object without a base_url, from before the tests are imported."
    )
    parser.addini(REDIRECT, text, type="bool", default=False)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Redirect the whole run if the option is set: an application may build its model where it is imported."""
    if early_config.getini(REDIRECT):
        patch = pytest.MonkeyPatch()
        early_config.add_cleanup(patch.undo)
        _redirect(patch)


def _redirect(patch: pytest.MonkeyPatch) -> None:
    from portkey_mistral.settings.environment import ENVIRONMENT

    for name in _REDIRECTED:
        for variable in ENVIRONMENT[name]:
            patch.delenv(variable, raising=False)
    patch.setenv("MISTRAL_BASE_URL", "sandbox:")


@pytest.fixture
def mistral_sandbox() -> Iterator[Sandbox]:
    """The sandbox of `base_url="sandbox:"`, reset before and after the test."""
    from portkey_mistral import sandbox

    sandbox.reset()
    yield sandbox.get()
    sandbox.reset()


@pytest.fixture
def mistral_sandbox_redirect(mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The fixture `mistral_sandbox`, used by every object without a `base_url` that the test makes.

    It sets MISTRAL_BASE_URL and unsets the other variables for keys, URLs, configs and providers of Mistral and
    Portkey. For objects that are made while modules are imported there is the option of the same name:

        [tool.pytest.ini_options]
        mistral_sandbox_redirect = true
    """
    _redirect(monkeypatch)
    return mistral_sandbox


@pytest.fixture
def mistral_sandbox_url(mistral_sandbox: Sandbox) -> str:
    """The base URL of the sandbox over HTTP, such as `http://127.0.0.1:40123/v1`.

    It serves the sandbox of the fixture `mistral_sandbox`; `/s/NAME/v1` instead of `/v1` is another one.
    """
    return mistral_sandbox.url


_SMALLEST_ACCOUNT = {
    "keys": {"pk-sandbox": {}},
    "providers": {"mistral-prod": {"provider": "mistral-ai"}},
}


@pytest.fixture
def portkey_account() -> Mapping[str, Any] | str | Path:
    """The Portkey account of `portkey_sandbox`: a mapping, or the path of a file. Override it with yours.

    As it is, it has the Portkey key `pk-sandbox` and the provider `@mistral-prod`.
    """
    return _SMALLEST_ACCOUNT


@pytest.fixture(scope="session")
def _portkey_server() -> Iterator[PortkeySandbox]:
    from portkey_mistral.sandbox import portkey

    with portkey.running(portkey.parse(_SMALLEST_ACCOUNT)) as running:
        yield running


@pytest.fixture
def portkey_sandbox(
    _portkey_server: PortkeySandbox,
    portkey_account: Mapping[str, Any] | str | Path,
    mistral_sandbox: Sandbox,
) -> PortkeySandbox:
    """A stand-in for hosted Portkey with the account of `portkey_account`, reset for each test.

    It runs the open-source Portkey gateway and needs Node.js. `requests` are those of your application,
    `provider(slug)` is the sandbox behind a provider.
    """
    from portkey_mistral.sandbox import portkey

    del mistral_sandbox
    if isinstance(portkey_account, Mapping):
        _portkey_server.use(portkey.parse(portkey_account))
    else:
        _portkey_server.use(portkey.load(portkey_account))
    return _portkey_server


@pytest.fixture
def portkey_sandbox_url(portkey_sandbox: PortkeySandbox) -> str:
    """The base URL of `portkey_sandbox`, such as `http://127.0.0.1:40123/v1`."""
    return portkey_sandbox.url

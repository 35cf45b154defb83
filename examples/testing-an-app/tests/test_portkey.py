"""The application with the company's Portkey account, which portkey.json describes."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpdesk import orders

from portkey_mistral.sandbox.portkey import PortkeySandbox

pytestmark = pytest.mark.portkey


@pytest.fixture
def portkey_account() -> Path:
    return Path(__file__).with_name("portkey.json")


@pytest.fixture
def portkey(portkey_sandbox: PortkeySandbox, monkeypatch: pytest.MonkeyPatch) -> PortkeySandbox:
    """The stand-in for Portkey, which the production variables point to."""
    monkeypatch.delenv("MISTRAL_BASE_URL")
    monkeypatch.setenv("PORTKEY_GATEWAY_URL", portkey_sandbox.url)
    monkeypatch.setenv("PORTKEY_API_KEY", "pk-helpdesk")
    return portkey_sandbox


def test_the_spare_provider_answers(portkey: PortkeySandbox) -> None:
    portkey.provider("mistral-prod").fail(503, times=None)
    portkey.provider("mistral-spare").reply("From the spare.")
    assert orders.answer("Hello?") == "From the spare."
    assert portkey.provider("mistral-spare").requests[0].body["model"] == "mistral-medium-latest"


def test_a_card_number_is_not_sent(portkey: PortkeySandbox) -> None:
    assert orders.answer("My card number is 1234.") == orders.SORRY
    assert portkey.provider("mistral-prod").requests == []

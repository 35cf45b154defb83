"""Snapshots: `pytest --snapshot-update` writes them, and a review shows how the requests have changed."""

from __future__ import annotations

from helpdesk import orders
from syrupy.assertion import SnapshotAssertion

from portkey_mistral.sandbox import Sandbox


def test_the_requests_are_as_reviewed(
    mistral_sandbox: Sandbox, snapshot: SnapshotAssertion
) -> None:
    mistral_sandbox.reply(calls=[{"name": "order_status", "arguments": {"number": "1234"}}])
    orders.answer("Where is order 1234?")
    assert mistral_sandbox.snapshot() == snapshot

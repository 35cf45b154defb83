"""The headers that are forwarded to a target, and those that must not reach every target."""

from __future__ import annotations

import pytest

from portkey_mistral._wire.forwarded_headers import forwarded_headers, unforwarded_headers
from portkey_mistral.config.values import RenamedHeader

OWN = {"x-a": "1", "x-b": "2", "accept": "text/plain", "x-portkey-trace-id": "t"}


@pytest.mark.parametrize(
    ("names", "argument", "got"),
    [
        ((), (), {}),
        (("x-a",), (), {"x-a": "1"}),
        (("X-A", "x-c"), (), {"x-a": "1"}),
        (("x-a",), ("X-B",), {"x-b": "2"}),
        ((RenamedHeader("X-A", "X-Org"),), (), {"x-org": "1"}),
        ((RenamedHeader("x-c", "x-org"), "x-b"), (), {"x-b": "2"}),
        # The last entry for a name holds.
        ((RenamedHeader("x-a", "x-b"), "x-b"), (), {"x-b": "2"}),
    ],
)
def test_the_headers_of_a_target(names, argument, got):
    assert forwarded_headers(OWN, argument or names) == got


@pytest.mark.parametrize(
    ("of_targets", "argument", "unforwarded"),
    [
        ([], (), ("x-a", "x-b")),
        ([("x-a",)], (), ("x-b",)),
        ([("X-A", "x-b")], (), ()),
        ([("x-a", "x-b"), ("x-b",)], (), ("x-a",)),
        ([("x-a", "x-b"), ()], (), ("x-a", "x-b")),
        ([()], ("X-A", "X-B"), ()),
        ([("x-a", "x-b")], ("x-a",), ("x-b",)),
        # A renamed header is not to arrive under its own name.
        ([(RenamedHeader("x-a", "x-org"), "x-b")], (), ("x-a",)),
    ],
)
def test_headers_that_must_not_reach_every_target(of_targets, argument, unforwarded):
    assert unforwarded_headers(OWN, of_targets, argument) == unforwarded


def test_without_headers_none_are_withheld():
    assert unforwarded_headers({}, [(), ()], ()) == ()

"""What moderation allows, and how texts are put into requests."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from pydantic import ValidationError

from portkey_mistral import Client, ConfigurationError, ModerationError, ResponseFormatError
from portkey_mistral.moderation import Moderator
from portkey_mistral.sandbox import get, reset
from portkey_mistral.settings.moderation import ModerationSettings
from scripted import network

RESULT = {
    "categories": {"pii": True, "health": False},
    "category_scores": {"pii": 0.8, "health": 0.3},
}
BAD = "Write to ada@example.com!"


@pytest.fixture(autouse=True)
def _fresh_sandboxes():
    reset()


def check(moderator, texts):
    return moderator.check(texts)


def acheck(moderator, texts):
    return asyncio.run(moderator.acheck(texts))


@pytest.fixture(params=[check, acheck])
def moderate(request):
    return request.param


def moderator(**settings):
    settings = ModerationSettings(**{"action": "block", **settings})
    return Moderator(Client(base_url="sandbox:"), "mistral-moderation-latest", settings)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, {"pii": 0.8}),
        ({"thresholds": {"pii": 0.9}}, {}),
        ({"thresholds": {"health": 0.3}}, {"pii": 0.8, "health": 0.3}),
        ({"categories": ["health"]}, {}),
        ({"categories": ["health"], "thresholds": {"health": 0.2, "pii": 0.1}}, {"health": 0.3}),
    ],
)
def test_thresholds_and_categories(settings, found):
    assert ModerationSettings(**settings).violations_in(RESULT) == found


def test_a_verdict_without_a_score_counts():
    assert ModerationSettings(thresholds={"x": 0.5}).violations_in({"categories": {"x": True}}) == {
        "x": 1.0
    }


@pytest.mark.parametrize("threshold", [0, 1.1, "high"])
def test_thresholds_are_scores(threshold):
    with pytest.raises(ValidationError):
        ModerationSettings(thresholds={"pii": threshold})


def test_positions_are_those_of_the_texts(moderate):
    assert moderate(moderator(), ["", "Hello!", BAD, " ", BAD]).keys() == {2, 4}
    assert get().requests[0].body["input"] == ["Hello!", BAD, BAD]


def test_nothing_is_sent_without_texts(moderate):
    assert moderate(moderator(), ["", "  "]) == {}
    assert get().requests == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"categories": ["pii", "helth"]},
            "categories: .*no category 'helth': did you mean 'health'",
        ),
        ({"thresholds": {"spam": 0.1}}, "thresholds: .*no category 'spam': it has criminal, "),
    ],
)
def test_a_category_that_the_model_does_not_have_is_an_error(moderate, settings, message):
    with pytest.raises(ConfigurationError, match=message):
        moderate(moderator(**settings), ["Hello!"])


@pytest.mark.parametrize(
    ("texts", "sizes"),
    [(["a"] * 250, [100, 100, 50]), (["b" * 60_000] * 2, [1, 1]), (["c" * 150_000, "d"], [1, 1])],
)
def test_many_texts_are_several_requests(moderate, texts, sizes):
    assert moderate(moderator(), texts) == {}
    assert [len(request.body["input"]) for request in get().requests] == sizes


def test_raising(moderate):
    with pytest.raises(ModerationError, match=r"text 1: pii \(0.75\)") as caught:
        moderate(moderator(action="raise"), ["Hello!", BAD])
    assert caught.value.violations == {1: {"pii": 0.75}}
    assert BAD not in str(caught.value)


def test_every_text_needs_a_result(moderate):
    net = network(httpx.Response(200, json={"results": [], "model": "m"}))
    client = Client(api_key="k", max_retries=0, **net.clients)
    with pytest.raises(ResponseFormatError, match="0 results for 1 texts"):
        moderate(Moderator(client, "mistral-moderation-latest", ModerationSettings()), ["x"])

"""What the control plane answers itself: models of the catalog, rendered prompts, feedback."""

from __future__ import annotations

import pytest

from hosted_portkey import forwarded, refused, send, stand_in


def models(sandbox=None, **sent):
    return send(sandbox or stand_in(), method="GET", path="/v1/models", **sent)


def test_the_catalogs_models_are_listed_by_slug():
    status, body = refused(models())
    assert status == 200
    assert body["total"] == len(body["data"])
    ids = [model["id"] for model in body["data"]]
    assert "@mistral-prod/mistral-small-latest" in ids
    assert "@mistral-prod/mistral-large-latest" not in ids
    assert "@mistral-eu/mistral-large-latest" in ids
    assert body["data"][0].keys() == {"id", "slug", "canonical_slug", "object"}


def test_a_config_of_settings_names_no_provider():
    assert refused(models(x_portkey_config="pc-retry"))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        {"x_portkey_provider": "@mistral-prod"},
        {"x_portkey_virtual_key": "mistral-prod"},
        {"x_portkey_config": "pc-eu-1a"},
    ],
)
def test_with_a_provider_its_own_models_are_listed(sent):
    assert forwarded(models(**sent)).path == "/v1/models"


def test_a_default_config_names_a_provider():
    forwarded(models(stand_in(keys={"pk": {"defaults": {"config_id": "pc-eu-1a"}}})))


def test_render():
    body = {"variables": {"what": "a trip"}}
    answer = send(stand_in(), body, path="/v1/prompts/pp-plan-1a2b/render")
    assert refused(answer) == (
        200,
        {
            "success": True,
            "data": {
                "temperature": 0.1,
                "model": "mistral-small-latest",
                "messages": [{"role": "user", "content": "Plan a trip."}],
            },
        },
    )


@pytest.mark.parametrize("body", [{}, {"variables": {}}, []])
def test_a_missing_variable_is_rendered_as_nothing(body):
    _, answer = refused(send(stand_in(), body, path="/v1/prompts/pp-plan-1a2b@latest/render"))
    assert answer["data"]["messages"][0]["content"] == "Plan ."


FEEDBACK = {"trace_id": "t-1", "value": 1, "weight": 0.5, "metadata": {"_user": "u"}}


@pytest.mark.parametrize("body", [FEEDBACK, {"trace_id": "t", "value": -10}, [FEEDBACK, FEEDBACK]])
def test_feedback(body):
    status, answer = refused(send(stand_in(), body, path="/v1/feedback"))
    assert (status, answer["status"]) == (200, "success")
    assert len(answer["feedback_ids"]) == (2 if isinstance(body, list) else 1)


@pytest.mark.parametrize(
    "body",
    [
        {"value": 1},
        {"trace_id": "t"},
        {"trace_id": "t", "value": 11},
        {"trace_id": "t", "value": 0.5},
        {"trace_id": "t", "value": True},
        {"trace_id": "t", "value": 1, "weight": 1.5},
        [],
        [FEEDBACK, {}],
    ],
)
def test_feedback_that_is_none(body):
    status, answer = refused(send(stand_in(), body, path="/v1/feedback"))
    assert status == 400
    assert answer["error"]["code"] == "03"


def test_feedback_is_changed_by_its_id():
    answer = send(stand_in(), {"value": 2}, method="PUT", path="/v1/feedback/f-1")
    assert refused(answer)[0] == 200

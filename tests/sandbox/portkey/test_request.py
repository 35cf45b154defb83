"""Trace ids and metadata, which hosted Portkey makes or merges for every request."""

from __future__ import annotations

import json

import pytest

from hosted_portkey import chat, forwarded, refused, send, stand_in

TRACE = "0af7651916cd43dd8448eb211c80319c"


def headers(sandbox=None, **sent):
    return forwarded(
        send(sandbox or stand_in(), **{"x_portkey_provider": "@mistral-prod", **sent})
    ).headers


def metadata(sandbox=None, **sent):
    return json.loads(headers(sandbox, **sent).get("x-portkey-metadata", "null"))


def test_the_clients_trace_id_comes_before_that_of_the_trace_context():
    context = f"00-{TRACE}-b7ad6b7169203331-01"
    assert headers(x_portkey_trace_id="mine", traceparent=context)["x-portkey-trace-id"] == "mine"
    assert headers(traceparent=context)["x-portkey-trace-id"] == TRACE


@pytest.mark.parametrize("sent", [{}, {"traceparent": "nonsense"}])
def test_a_trace_id_is_made_where_there_is_none(sent):
    ids = {headers(**sent)["x-portkey-trace-id"] for _ in range(3)}
    assert len(ids) == 3


def test_errors_of_portkeys_own_name_the_trace_id():
    answer = send(stand_in(), x_portkey_api_key="other", x_portkey_trace_id="t1")
    assert answer.headers["x-portkey-trace-id"] == "t1"
    assert refused(answer)[0] == 401


def test_the_workspace_overrides_the_key_which_overrides_the_request():
    sandbox = stand_in(
        keys={"pk": {"defaults": {"metadata": {"b": "key", "c": "key"}}}},
        workspace={"defaults": {"metadata": {"c": "workspace"}}},
    )
    sent = json.dumps({"a": "request", "b": "request", "c": "request"})
    assert metadata(sandbox, x_portkey_metadata=sent) == {
        "a": "request",
        "b": "key",
        "c": "workspace",
    }
    assert metadata(sandbox) == {"b": "key", "c": "workspace"}


@pytest.mark.parametrize("text", ["nonsense", "[]", '"text"'])
def test_metadata_that_is_no_object_is_replaced_in_silence(text):
    assert metadata(x_portkey_metadata=text) is None


def test_baggage_is_metadata_unless_it_is_given_too():
    sent = {"baggage": "a=%C3%A9,b=2;property=x", "x_portkey_metadata": '{"b": "mine"}'}
    assert metadata(**sent) == {"a": "é", "b": "mine"}


def test_the_user_of_the_body_is_copied_where_there_is_none():
    assert metadata(body=chat(user="u1")) == {"_user": "u1"}
    assert metadata(body=chat(user="u1"), x_portkey_metadata='{"_user": "u2"}') == {"_user": "u2"}
    assert metadata(body=chat(user=7)) is None

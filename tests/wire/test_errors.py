import json
import pickle

import pytest

from linear import assert_linear
from portkey_mistral._wire.error_bodies import is_error, parse_body
from portkey_mistral._wire.errors import status_error
from portkey_mistral._wire.portkey_errors import GatewayRequest
from portkey_mistral.exceptions import (
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextWindowExceededError,
    GatewayError,
    GuardrailDeniedError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)

JSON = {"content-type": "application/json"}


def error(status, body=b"", headers=JSON, *, gateway=False, lane=None, secrets=()):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    content = parse_body(data, secrets)
    request = GatewayRequest(lane=lane) if gateway else None
    return status_error(status, headers, content, gateway=request, secrets=secrets)


def envelope(message, type_=None, code=None, **more):
    return {
        "object": "error",
        "message": message,
        "type": type_,
        "param": None,
        "code": code,
        **more,
    }


DETAIL = [
    {
        "type": "extra_forbidden",
        "loc": ["body", "seed"],
        "msg": "Extra inputs are not permitted",
        "input": 1,
    },
    {"type": "missing", "loc": ["body", "messages", 0, "user", "content"], "msg": "Field required"},
]
FAULTS = "seed: Extra inputs are not permitted; messages.0.user.content: Field required"
TOO_LONG = "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length"

MISTRAL = [
    (400, envelope("Invalid model: x", "invalid_model", "1500"), BadRequestError, "1500", "Invalid model: x. Check the model's name"),
    (400, envelope("Invalid model: mistral-large-2407", "invalid_model", "1500"), BadRequestError, "1500", "use mistral-large-2512"),
    (400, envelope(TOO_LONG, "invalid_request_invalid_args", "3051"), ContextWindowExceededError, "3051", "larger window"),
    (400, envelope("The prompt has 40000 tokens: that is more than fits", "invalid_request_invalid_args", "3051"), ContextWindowExceededError, "3051", "larger window"),
    (400, envelope("Input of 40000 is too long, at most 32768", "invalid_request_invalid_args", "3051"), ContextWindowExceededError, "3051", "larger window"),
    (413, envelope(TOO_LONG, "invalid_request_invalid_args", "3051"), ContextWindowExceededError, "3051", "larger window"),
    (400, envelope("reasoning_effort is not enabled for this model", "invalid_request_invalid_args", "3051"), BadRequestError, "3051", "names it"),
    (400, envelope("top_k sampling is not enabled", "invalid_request_invalid_args", "3051", raw_status_code=400), BadRequestError, "3051", "top_k"),
    (400, envelope("Too many inputs in request", "invalid_request_prompt", "3210"), BadRequestError, "3210", "fewer or shorter"),
    (400, envelope("Unexpected role", "invalid_request_message_order", "3230"), BadRequestError, "3230", "Unexpected role"),
    (400, envelope("old", "invalid_request_error", None), BadRequestError, None, "old"),
    (401, {"message": "Unauthorized", "request_id": "0123"}, AuthenticationError, None, "MISTRAL_API_KEY"),
    (401, {"detail": "Unauthorized"}, AuthenticationError, None, "Unauthorized"),
    (403, envelope("not available", "tier_not_allowed", "1910"), PermissionDeniedError, "1910", "subscription"),
    (404, {"detail": "Not Found"}, NotFoundError, None, "base_url"),
    (413, b"", APIStatusError, None, "too large"),
    (422, envelope({"detail": DETAIL}, "invalid_request_error"), UnprocessableEntityError, None, FAULTS),
    (422, {"detail": DETAIL}, UnprocessableEntityError, None, FAULTS),
    (422, {"object": "Error", "detail": DETAIL, "message": DETAIL, "type": "t", "code": 3001}, UnprocessableEntityError, "3001", FAULTS),
    (429, envelope("Rate limit exceeded", "rate_limited", "1300"), RateLimitError, "1300", "max_concurrency"),
    (429, {"message": "Requests rate limit exceeded"}, RateLimitError, None, "rate limit"),
    (429, envelope("capacity", "service_tier_capacity_exceeded", "3505"), RateLimitError, "3505", "no free capacity"),
    (500, envelope("boom", "internal_error", "3000"), InternalServerError, "3000", "boom"),
    (502, b"<html><style>x{}</style><h1>Bad Gateway</h1></html>", InternalServerError, None, "502: Bad Gateway."),
    (503, b"", InternalServerError, None, "no reason given"),
    (503, b"\xff\xfe", InternalServerError, None, "503"),
    (307, b"", APIStatusError, None, "never followed"),
    (400, {"error": {"message": "m", "type": "t", "param": None, "code": "context_length_exceeded"}}, ContextWindowExceededError, "context_length_exceeded", "m"),
    (400, {"error": {"code": 400, "message": "m", "type": "exceed_context_size_error", "n_ctx": 4096}}, ContextWindowExceededError, "400", "larger window"),
    (400, {"error": {"message": "The decoder prompt (length 9000) is longer than the maximum model length of 8192.", "code": 400}}, ContextWindowExceededError, "400", "larger window"),
    (400, [1, 2], BadRequestError, None, "no reason given"),
    (418, {"error": "teapot"}, APIStatusError, None, "teapot"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "cls", "code", "expected"), MISTRAL)
def test_errors_of_mistral(status, body, cls, code, expected):
    raised = error(status, body)
    assert type(raised) is cls
    assert (raised.status_code, raised.code) == (status, code)
    assert expected in str(raised)
    if not isinstance(body, bytes):
        assert raised.body == body


def wrapped(message, type_=None, code=None):
    inner = {"message": message, "type": type_, "param": None, "code": code}
    return {"error": inner, "provider": "mistral-ai"}


LEAF = {**JSON, "x-portkey-last-used-option-index": "config", "x-portkey-trace-id": "t1"}
EXCEPTION = {**JSON, "x-portkey-gateway-exception": "true"}
FAILURE = {"status": "failure", "message": "Something went wrong"}
HOOKS = {"before_request_hooks": [{"verdict": False, "id": "pg-1", "checks": [{"id": "default.contains", "verdict": False}]}], "after_request_hooks": []}  # fmt: skip

PORTKEY = [
    (400, wrapped("mistral-ai error: Invalid model: x", "invalid_model", "1500"), LEAF, BadRequestError, "400: Invalid model: x."),
    (400, wrapped(f"mistral-ai error: {TOO_LONG}", "t", "3051"), LEAF, ContextWindowExceededError, "larger window"),
    (422, wrapped("Invalid response received from mistral-ai: " + json.dumps({"detail": DETAIL})), LEAF, UnprocessableEntityError, FAULTS),
    (502, wrapped('Invalid response received from mistral-ai: {"html-message":"<h1>Bad</h1>"}'), LEAF, InternalServerError, "502: Bad."),
    (500, wrapped("Invalid response received from mistral-ai: {cut"), LEAF, InternalServerError, "{cut"),
    (429, wrapped("mistral-ai error: Rate limit exceeded", "rate_limited", "1300"), LEAF, RateLimitError, "429: Rate limit exceeded."),
    (401, wrapped("mistral-ai error: Unauthorized"), LEAF, AuthenticationError, "the Portkey key"),
    (500, FAILURE, EXCEPTION, GatewayError, "@hono/node-server"),
    (500, {"status": "failure", "message": "complete is not supported by mistral-ai"}, EXCEPTION, GatewayError, "not supported"),
    (400, {"status": "failure", "message": "Invalid config passed", "errors": ["path: retry,attempts, message: Required"]}, JSON, GatewayError, "retry,attempts"),
    (408, {"error": {"message": "Request exceeded the timeout sent in the request: 300ms", "type": "timeout_error", "param": None, "code": None}}, JSON, GatewayError, "Raise `request_timeout`"),
    (431, b"", {}, APIStatusError, "make the config smaller"),
    (446, {"error": {"message": "The guardrail checks failed.", "type": "hooks_failed"}, "hook_results": HOOKS}, JSON, GuardrailDeniedError, "`guardrails` has the verdicts"),
    (404, {"message": "Not Found", "ok": False}, JSON, NotFoundError, "gateway_url"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "headers", "cls", "expected"), PORTKEY)
def test_errors_of_portkey(status, body, headers, cls, expected):
    raised = error(status, body, headers, gateway=True)
    assert type(raised) is cls
    assert expected in str(raised)
    assert raised.trace_id == headers.get("x-portkey-trace-id")


def test_a_denied_guardrail_carries_its_verdicts():
    raised = error(446, {"error": {"message": "m"}, "hook_results": HOOKS}, gateway=True)
    assert raised.hook_results == HOOKS
    (verdict,) = raised.guardrails
    assert (verdict.id, verdict.side, verdict.verdict) == ("pg-1", "input", False)
    assert "Failed: pg-1 (default.contains)." in str(raised)


@pytest.mark.parametrize("lane", ["proxy", "passthrough", "unified"])
def test_a_lane_that_the_gateway_lacks_names_the_way_out(lane):
    raised = error(404, {"message": "Not Found", "ok": False}, gateway=True, lane=lane)
    assert f"does not serve the {lane} lane" in str(raised)
    of_target = error(404, {"detail": "Not Found"}, LEAF, gateway=True, lane=lane)
    assert "does not serve" not in str(of_target)


def test_a_gateway_without_the_passthrough_provider_names_the_way_out():
    body = {"status": "failure", "message": "Invalid provider passed"}
    raised = error(400, body, gateway=True, lane="passthrough")
    assert "does not serve the passthrough lane" in str(raised)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": None}, "no reason given"),
        ({"message": {"why": "x"}}, '{"why":"x"}'),
        ({"detail": ["first", {"k": 1}]}, 'first; {"k":1}'),
        (wrapped("Invalid response received from mistral-ai: {cut}"), "{cut}"),
    ],
)
def test_undocumented_shapes(body, expected):
    assert expected in str(error(500, body))


def test_portkeys_shapes_mean_nothing_special_without_a_gateway():
    assert type(error(500, FAILURE)) is InternalServerError


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (envelope("m", raw_status_code=429), 429),
        ({"error": {"message": "m", "code": 503}}, 503),
        ({"error": {"message": "m", "code": "1300"}}, 429),
        (envelope("m", "invalid_model", "1500"), 400),
        (envelope("m", "service_tier_capacity_exceeded", 3505), 429),
        ({"error": {"message": "m", "code": "1"}}, 500),
        ({"error": "m"}, 500),
        (b"", 500),
    ],
)
def test_an_error_with_a_success_status_counts_as_the_status_that_it_names(body, status):
    assert error(200, body).status_code == status


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"error": {"message": "m"}}, True),
        ({"choices": [{}], "error": {"message": "m"}}, True),
        ({"error": None, "choices": []}, False),
        (envelope("m"), True),
        (FAILURE, True),
        ({"detail": []}, True),
        ({"message": "m", "code": "1"}, True),
        ({"choices": [], "message": "m", "type": "t"}, False),
        ({"data": [], "object": "list"}, False),
        ({"hook_results": {}}, False),
        ([], False),
        ("error", False),
    ],
)
def test_an_error_with_a_success_status(content, expected):
    assert is_error(content) is expected


def test_a_rate_limit_error_carries_the_delay_by_the_servers_own_clock():
    date = "Sun, 06 Nov 1994 08:49:3{} GMT"
    assert error(429, headers={"retry-after": "7"}).retry_after == 7.0
    assert (
        error(429, headers={"retry-after": date.format(7), "date": date.format(0)}).retry_after
        == 7.0
    )
    assert error(429, headers={"retry-after": date.format(7)}).retry_after is None


def test_no_key_survives_in_any_part_of_an_error():
    headers = {
        "Set-Cookie": "a=b",
        "Authorization": "Bearer sk-live-1",
        "X-Portkey-Api-Key": "pk-live-2",
        "x-echo": "you sent sk-live-1",
        "content-type": "application/json",
    }
    body = {"message": "key sk-live-1 is wrong", "request_id": "r1"}
    raised = error(401, body, headers, secrets={"sk-live-1", "pk-live-2"})
    everything = f"{raised} {raised!r} {raised.body} {raised.headers} {pickle.dumps(raised)!r}"
    assert "sk-live-1" not in everything
    assert "pk-live-2" not in everything
    assert "a=b" not in everything
    assert raised.headers == {"x-echo": "you sent ***", "content-type": "application/json"}
    assert raised.request_id == "r1"


def test_a_long_body_is_shortened_in_the_message_and_whole_in_the_error():
    raised = error(500, {"message": "x" * 5000})
    assert len(str(raised)) < 1000
    assert len(raised.body["message"]) == 5000


@pytest.mark.parametrize("markup", ["<", "<style", "<style></style", "<style>x</script"])
def test_an_error_page_takes_time_in_proportion_to_its_length(markup):
    assert_linear(lambda times: error(502, markup.encode() * times), 4000)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (b"<h1>Bad <b>Gateway</b></h1>", "Bad Gateway"),
        (b"<STYLE type=x>a{}</STYLE>Down<script>f('<b>')</script> now", "Down now"),
        (b"Down<style>never closed", "Down"),
        (b"1 < 2", "1 < 2"),
        (b"<styled>text</styled>", "text"),
    ],
)
def test_the_text_of_an_error_page(page, text):
    assert f"502: {text}." in str(error(502, page))


def test_a_key_is_found_however_it_is_escaped():
    body = rb'{"message": "key sk\u002dlive\/1 is wrong", "sk-live/1": ["sk-live/1"]}'
    raised = error(401, body, secrets={"sk-live/1"})
    assert raised.body == {"message": "key *** is wrong", "***": ["***"]}


@pytest.mark.parametrize("page", [b"<p>key sk&#45;live&#x2f;1", b"Location: /?key=sk-live%2F1&a=b"])
def test_a_key_is_found_in_html_and_in_urls(page):
    assert "***" in str(error(502, page, secrets={"sk-live/1"}))


def test_a_page_without_a_key_stays_as_it_is():
    assert error(502, b"a &amp; b %2F", secrets={"sk-live/1"}).body == "a &amp; b %2F"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"message":{"a":NaN}}'),
        (446, b'{"hook_results":"no"}'),
        (500, b'{"error":{"message":[[{"loc":[{}],"msg":5}]],"code":{}}}'),
        (400, b'{"errors":[{"a":NaN}],"message":"m"}'),
        (500, b"[" * 5000),
        (500, b'"text"'),
        (500, b"5"),
    ],
)
def test_every_body_can_be_parsed(status, body):
    assert str(error(status, body)).startswith(str(status))

"""The verdicts of guardrails in a body or an event, as Portkey's documents and its open-source gateway have them."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from portkey_mistral._wire.guardrails import (
    describe_failures,
    guardrail_verdicts,
    hook_results,
    with_unreported_failure,
)
from portkey_mistral.guardrails import GuardrailCheck, GuardrailVerdict

CHECK = {
    "data": {"explanation": "The regex matched.", "not": False},
    "verdict": False,
    "id": "default.regexMatch",
    "execution_time": 1,
    "log": None,
    "fail_on_error": False,
}
DENIED = {"verdict": False, "id": "pg-names-1a2b", "deny": True, "async": False, "type": "guardrail", "checks": [CHECK]}  # fmt: skip
PASSED = {"verdict": True, "id": "pg-len", "deny": False, "transformed": True, "checks": []}


def body(before: Any = (), after: Any = ()) -> dict[str, Any]:
    return {"hook_results": {"before_request_hooks": before, "after_request_hooks": after}}


def test_the_verdicts_of_both_sides_in_order() -> None:
    denied, passed = guardrail_verdicts(body([DENIED], [PASSED]))
    assert denied == GuardrailVerdict(
        id="pg-names-1a2b",
        side="input",
        verdict=False,
        denied=True,
        checks=(GuardrailCheck("default.regexMatch", False, data=CHECK["data"]),),
        raw=DENIED,
    )
    assert (passed.id, passed.side, passed.verdict, passed.transformed, passed.denied) == (
        "pg-len",
        "output",
        True,
        True,
        False,
    )


def test_a_verdict_as_json() -> None:
    (denied,) = guardrail_verdicts(body([DENIED]))
    checks = [{"id": "default.regexMatch", "verdict": False, "error": None, "data": CHECK["data"]}]
    assert json.loads(json.dumps(denied.as_dict())) == {
        "id": "pg-names-1a2b",
        "side": "input",
        "verdict": False,
        "denied": True,
        "transformed": False,
        "checks": checks,
    }
    assert pickle.loads(pickle.dumps(denied)) == denied


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"name": "TypeError", "message": "no such check"}, "TypeError: no such check"),
        ({"message": "no such check"}, "no such check"),
        ("no such check", "no such check"),
        ({}, None),
        (None, None),
    ],
)
def test_why_a_check_could_not_run(error: Any, expected: str | None) -> None:
    hook = {**PASSED, "checks": [{"id": "c", "verdict": True, "error": error}]}
    assert guardrail_verdicts(body([hook]))[0].checks[0].error == expected


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        [],
        {},
        {"hook_results": None},
        {"hook_results": {}},
        {"hook_results": []},
        {"hook_results": "x"},
        body(None, "x"),
        body([None, 1, "x"]),
        body({"verdict": False}),
    ],
    ids=repr,
)
def test_what_holds_no_verdicts(content: Any) -> None:
    assert guardrail_verdicts(content) == ()


@pytest.mark.parametrize(
    "hook",
    [
        {},
        {"verdict": "false", "id": 7},
        {"checks": None},
        {"checks": [None, {}, {"verdict": 1, "error": 5, "id": []}]},
    ],
    ids=repr,
)
def test_whatever_a_gateway_sends_can_be_read(hook: dict[str, Any]) -> None:
    (verdict,) = guardrail_verdicts(body([hook]))
    assert (verdict.id, verdict.verdict, verdict.denied) == (None, None, False)


def test_a_skipped_or_passed_guardrail_denies_nothing() -> None:
    (verdict,) = guardrail_verdicts(body([{**DENIED, "verdict": True}]))
    assert not verdict.denied


def test_no_key_is_in_a_verdict() -> None:
    hook = {**DENIED, "checks": [{**CHECK, "data": {"header": "Bearer sk-secret-1234567890"}}]}
    assert "sk-secret" not in repr(
        guardrail_verdicts(body([hook]), {"sk-secret-1234567890"})[0].as_dict()
    )


def test_the_status_246_alone_reports_a_failure() -> None:
    unreported = GuardrailVerdict(id=None, side=None, verdict=False)
    passed = guardrail_verdicts(body([PASSED]))
    failed = guardrail_verdicts(body([DENIED]))
    assert with_unreported_failure((), 246) == (unreported,)
    assert with_unreported_failure(passed, 246) == (*passed, unreported)
    assert with_unreported_failure(failed, 246) == failed
    assert with_unreported_failure((), 200) == ()


def test_the_failures_in_words() -> None:
    verdicts = guardrail_verdicts(body([DENIED, PASSED], [{"verdict": False}]))
    assert describe_failures(verdicts) == "pg-names-1a2b (default.regexMatch), a guardrail"
    assert describe_failures(guardrail_verdicts(body([PASSED]))) == ""


def test_hook_results_as_they_are() -> None:
    assert hook_results(body([DENIED])) == body([DENIED])["hook_results"]
    assert hook_results({}) is None

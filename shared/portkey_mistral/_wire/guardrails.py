"""Reads the verdicts of guardrails: the `hook_results` of a body, or of an event of a stream.

Whatever stands there, reading it never fails a call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from portkey_mistral._redaction import scrub_json
from portkey_mistral.guardrails import GuardrailCheck, GuardrailSide, GuardrailVerdict

__all__ = ["describe_failures", "guardrail_verdicts", "hook_results", "with_unreported_failure"]

_SIDES: Mapping[str, GuardrailSide] = {
    "before_request_hooks": "input",
    "after_request_hooks": "output",
}
# The status of a success in spite of a failed guardrail.
_FAILED_SOFTLY = 246


def hook_results(content: object) -> Mapping[str, Any] | None:
    """Return the `hook_results` of a body or an event; None if it has none."""
    results = content.get("hook_results") if isinstance(content, dict) else None
    return results if isinstance(results, dict) and results else None


def guardrail_verdicts(
    content: object, secrets: Collection[str] = ()
) -> tuple[GuardrailVerdict, ...]:
    """Return the verdicts in a body or an event, in the order in which the gateway ran the guardrails."""
    results = hook_results(content)
    if results is None:
        return ()
    return tuple(_verdicts(scrub_json(results, secrets)))


def with_unreported_failure(
    verdicts: tuple[GuardrailVerdict, ...], status: int
) -> tuple[GuardrailVerdict, ...]:
    """Add the failure that only the status reports, as in streams with strict compliance to OpenAI (seen in 1.15.2)."""
    if status != _FAILED_SOFTLY or any(verdict.verdict is False for verdict in verdicts):
        return verdicts
    return (*verdicts, GuardrailVerdict(id=None, side=None, verdict=False))


def describe_failures(verdicts: tuple[GuardrailVerdict, ...]) -> str:
    """Name the guardrails that failed, each with its failed checks."""
    return ", ".join(_failure(verdict) for verdict in verdicts if verdict.verdict is False)


def _failure(verdict: GuardrailVerdict) -> str:
    checks = [check.id for check in verdict.checks if check.verdict is False and check.id]
    name = verdict.id or "a guardrail"
    return f"{name} ({', '.join(checks)})" if checks else name


def _verdicts(results: Mapping[str, Any]) -> Iterator[GuardrailVerdict]:
    for name, side in _SIDES.items():
        for result in _objects(results.get(name)):
            yield GuardrailVerdict(
                id=_text(result.get("id")),
                side=side,
                verdict=_flag(result.get("verdict")),
                denied=result.get("deny") is True and result.get("verdict") is False,
                transformed=result.get("transformed") is True,
                checks=tuple(map(_check, _objects(result.get("checks")))),
                raw=result,
            )


def _check(result: Mapping[str, Any]) -> GuardrailCheck:
    return GuardrailCheck(
        id=_text(result.get("id")),
        verdict=_flag(result.get("verdict")),
        error=_error(result.get("error")),
        data=result.get("data"),
    )


def _error(error: object) -> str | None:
    match error:
        case {"name": name, "message": message}:
            return f"{name}: {message}"
        case {"message": message}:
            return str(message)
        case None | {}:
            return None
        case _:
            return str(error)


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None

"""The verdicts of Portkey's guardrails on a request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["GuardrailCheck", "GuardrailSide", "GuardrailVerdict"]

GuardrailSide: TypeAlias = Literal["input", "output"]
"""Whether a guardrail checked the request or the answer."""


@dataclass(frozen=True, slots=True)
class GuardrailCheck:
    """The result of one check of a guardrail.

    Attributes:
        id: The check, `default.regexMatch` for example.
        verdict: Whether it passed; None if it has no verdict.
        error: Why it could not run. Such a check passes, unless it is configured to fail on errors.
        data: The data that the check reports, in its own format: mostly an `explanation`.
    """

    id: str | None
    verdict: bool | None
    error: str | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class GuardrailVerdict:
    """The result of one guardrail, or hook, that a Portkey gateway ran on a call.

    A guardrail that fails without denying lets the call pass (HTTP status 246). If the gateway reports the failure only by
    that status, there is one verdict without id and checks.

    Attributes:
        id: The guardrail, `pg-...` if it is saved at Portkey.
        side: "input" for the request, "output" for the answer; None if the gateway did not report it.
        verdict: Whether it passed; None if it has no verdict.
        denied: Whether it failed and denies. The call then ends with `GuardrailDeniedError`, or with a text of Portkey's
            as its answer if the guardrail denies softly (`soft_deny_200`).
        transformed: Whether it changed the text.
        checks: The results of its checks.
        raw: The result as the gateway sent it.
    """

    id: str | None
    side: GuardrailSide | None
    verdict: bool | None
    denied: bool = False
    transformed: bool = False
    checks: tuple[GuardrailCheck, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON, without `raw`."""
        return {
            "id": self.id,
            "side": self.side,
            "verdict": self.verdict,
            "denied": self.denied,
            "transformed": self.transformed,
            "checks": [
                {
                    "id": check.id,
                    "verdict": check.verdict,
                    "error": check.error,
                    "data": check.data,
                }
                for check in self.checks
            ],
        }

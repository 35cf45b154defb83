"""What moderation allows: the fields that the guards of both adapters inherit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from portkey_mistral.settings.field_docstrings import DocumentedFields

__all__ = ["ModerationAction", "ModerationSettings"]

ModerationAction = Literal["block", "redact", "raise"]
"""What happens to a text that is not allowed."""


class ModerationSettings(DocumentedFields):
    """Which texts are allowed, and what happens to the others."""

    action: ModerationAction = "raise"
    """
    "raise" raises a `ModerationError`, "redact" puts `redaction` in place of the text, and "block" ends the work with
    `block_message`.
    """
    thresholds: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=dict)
    """Score from which a category is not allowed. Mistral's own verdict decides for all others."""
    categories: list[str] | None = None
    """The categories that are considered; None considers all."""
    redaction: str = "[removed by moderation]"
    """The text in place of a redacted one."""
    block_message: str = "This cannot be answered, because moderation does not allow its content."
    """The text in place of a blocked one."""

    def violations_in(self, result: Mapping[str, Any]) -> dict[str, float]:
        """Return the categories of one result that are not allowed, with their scores."""
        verdicts: Mapping[str, Any] = result.get("categories") or {}
        scores: Mapping[str, Any] = result.get("category_scores") or {}
        return {
            name: scores.get(name, 1.0)
            for name in verdicts.keys() | scores.keys()
            if (self.categories is None or name in self.categories)
            and self._is_violation(name, scores.get(name), bool(verdicts.get(name)))
        }

    def _is_violation(self, name: str, score: float | None, verdict: bool) -> bool:
        threshold = self.thresholds.get(name)
        return verdict if threshold is None or score is None else score >= threshold

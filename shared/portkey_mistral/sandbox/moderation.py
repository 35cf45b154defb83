"""Classify text by lists of words per category; it does not understand meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["CATEGORIES", "scores", "violations"]

_THRESHOLD = 0.5

# Word beginnings or patterns; English only.
_SIGNS: Mapping[str, str] = {
    "sexual": r"\b(?:porn|nude|naked|erotic|sexual)",
    "hate_and_discrimination": r"\b(?:racis|subhuman|inferior race|hate (?:them|those|all)|vermin)",
    "violence_and_threats": r"\b(?:kill|murder|stab|shoot|strangle|beat (?:him|her|them) up|hurt you)",
    "dangerous": r"\b(?:bomb|explosive|poison|weapon|meth\b|nerve agent)",
    "criminal": r"\b(?:steal|launder|forge|hack into|shoplift|counterfeit|smuggl)",
    "selfharm": r"\b(?:suicid|self-harm|cut myself|kill myself|end my life)",
    "health": r"\b(?:diagnos|dosage|prescri|symptom|medication|chemotherapy)",
    "financial": r"\b(?:invest|stocks?\b|mortgage|retirement fund|portfolio)",
    "law": r"\b(?:lawsuit|sue\b|legal advice|lawyer|custody|contract breach)",
    "pii": r"(?<![\w.+-])[\w.+-]+@[\w-]+\.\w+|\b\d{3}-\d{2}-\d{4}\b|\b(?:\d[ -]?){13,16}\b|passport number",
    "jailbreaking": r"\b(?:ignore (?:all |your |previous |the )+(?:instructions|rules)|jailbreak|DAN mode)",
}
_PATTERNS = {name: re.compile(signs, re.IGNORECASE) for name, signs in _SIGNS.items()}
CATEGORIES = tuple(_SIGNS)


def scores(text: str) -> Mapping[str, float]:
    """Return a score from 0 to 1 for each category: one match gives 0.75, each further one halves the rest."""
    return {
        name: round(1 - 0.25 * 0.5 ** (hits - 1), 6)
        if (hits := len(pattern.findall(text)))
        else 0.001
        for name, pattern in _PATTERNS.items()
    }


def violations(
    found: Mapping[str, float], thresholds: Mapping[str, float | None] | None = None
) -> Mapping[str, bool]:
    """Return which categories reach their threshold; a threshold of 1 disables a category."""
    own = {name: value for name, value in (thresholds or {}).items() if value is not None}
    return {
        name: value >= (limit := own.get(name, _THRESHOLD)) and limit < 1
        for name, value in found.items()
    }

"""Moderates any number of texts in few requests, for the guards of both adapters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.exceptions import ConfigurationError, ModerationError, ResponseFormatError
from portkey_mistral.requests import ModerationRequest

if TYPE_CHECKING:
    from portkey_mistral.client import Client
    from portkey_mistral.responses import ModerationResponse
    from portkey_mistral.settings.moderation import ModerationSettings

__all__ = ["Moderator", "Violations"]

Violations: TypeAlias = dict[int, dict[str, float]]
"""The categories of each text that is not allowed, with their scores, by the position of the text."""

# Mistral documents no limits of a request but the window of its model, 128k tokens. A token is a character at least.
_MOST_TEXTS = 100
_MOST_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Moderator:
    """Moderates texts by a model as the settings say. Empty texts are allowed, and not sent."""

    client: Client
    model: str
    settings: ModerationSettings

    def check(self, texts: Sequence[str]) -> Violations:
        """Return which texts are not allowed.

        Raises:
            ModerationError: some are not, and the settings' `action` is "raise".
            ConfigurationError: the settings name a category that the model does not have.
        """
        found: Violations = {}
        for positions in _requests(texts):
            response = self.client.moderate(self._request(texts, positions))
            found.update(self._violations(positions, response))
        return self._checked(found)

    async def acheck(self, texts: Sequence[str]) -> Violations:
        """The async version of `check`."""
        found: Violations = {}
        for positions in _requests(texts):
            response = await self.client.amoderate(self._request(texts, positions))
            found.update(self._violations(positions, response))
        return self._checked(found)

    def _request(self, texts: Sequence[str], positions: Sequence[int]) -> ModerationRequest:
        return ModerationRequest(model=self.model, inputs=[texts[at] for at in positions])

    def _violations(self, positions: Sequence[int], response: ModerationResponse) -> Violations:
        if len(response.results) != len(positions):
            raise ResponseFormatError(
                f"Moderation returned {len(response.results)} results for {len(positions)} texts."
            )
        self._check_names(response)
        pairs = zip(positions, map(self.settings.violations_in, response.results), strict=True)
        return {at: violated for at, violated in pairs if violated}

    def _check_names(self, response: ModerationResponse) -> None:
        """Refuse a name that no result has: a guard that waits for it would let everything pass."""
        known = {
            name for result in response.results for scores in result.values() for name in scores
        }
        settings = self.settings
        for field, names in (
            ("categories", settings.categories or ()),
            ("thresholds", settings.thresholds),
        ):
            for name in names:
                if name not in known:
                    hint = did_you_mean(
                        name, known, otherwise=f"it has {', '.join(sorted(known))}."
                    )
                    raise ConfigurationError(
                        f"{field}: {response.model} has no category {name!r}: {hint}"
                    )

    def _checked(self, found: Violations) -> Violations:
        if found and self.settings.action == "raise":
            raise ModerationError(
                f"Moderation does not allow {_described(found)}.", violations=found
            )
        return found


def _described(found: Mapping[int, Mapping[str, float]]) -> str:
    return "; ".join(
        f"text {at}: " + ", ".join(f"{name} ({score:.2f})" for name, score in sorted(each.items()))
        for at, each in found.items()
    )


def _requests(texts: Sequence[str]) -> Iterator[list[int]]:
    """Yield the positions of the texts of each request."""
    positions: list[int] = []
    size = 0
    for at, text in enumerate(texts):
        if not text.strip():
            continue
        is_full = len(positions) >= _MOST_TEXTS or size + len(text) > _MOST_CHARACTERS
        if positions and is_full:
            yield positions
            positions, size = [], 0
        positions.append(at)
        size += len(text)
    if positions:
        yield positions

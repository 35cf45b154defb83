"""The metrics of calls, named and with the buckets of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Meter

from portkey_mistral._telemetry.attributes import METRIC_ATTRIBUTES
from portkey_mistral.responses import Usage

__all__ = ["Instruments"]

_SECONDS = tuple(0.01 * 2**power for power in range(14))  # 0.01 to 81.92
_TOKENS = tuple(4**power for power in range(14))  # 1 to 67,108,864

# Two drafts of the conventions would replace it.
_TOKEN_USAGE = "gen_ai.client.token.usage"


class Instruments:
    """The histograms of one meter."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, description: str) -> Any:
            return meter.create_histogram(
                f"gen_ai.client.operation.{name}",
                "s",
                description,
                explicit_bucket_boundaries_advisory=_SECONDS,
            )

        self._duration = seconds("duration", "Duration of a call, with all its attempts.")
        self._first_chunk = seconds(
            "time_to_first_chunk", "Time from the start of a call to the first chunk of its stream."
        )
        self._per_chunk = seconds(
            "time_per_output_chunk", "Time between a chunk of a stream and the one before it."
        )
        self._tokens = meter.create_histogram(
            _TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens of a call.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )

    def ended(self, seconds: float, usage: Usage | None, attributes: Mapping[str, Any]) -> None:
        """Record a call that has ended. `attributes` are those of its span; an estimated usage is not recorded."""
        labels = _labels(attributes)
        self._duration.record(seconds, labels)
        if usage is None or usage.estimated:
            return
        self._tokens.record(usage.prompt_tokens, labels | {"gen_ai.token.type": "input"})
        if usage.completion_tokens:
            self._tokens.record(usage.completion_tokens, labels | {"gen_ai.token.type": "output"})

    def first_chunk(self, seconds: float, attributes: Mapping[str, Any]) -> None:
        self._first_chunk.record(seconds, _labels(attributes))

    def next_chunk(self, seconds: float, attributes: Mapping[str, Any]) -> None:
        self._per_chunk.record(seconds, _labels(attributes))


def _labels(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in METRIC_ATTRIBUTES if name in attributes}

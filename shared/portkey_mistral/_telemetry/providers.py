"""The tracer, the instruments and the event logger of OpenTelemetry's providers as they are set now.

Imports OpenTelemetry's API; only what knows that the application has loaded it may import this module.
"""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry import _logs, metrics, trace

from portkey_mistral._telemetry.attributes import SCHEMA_URL
from portkey_mistral._telemetry.metrics import Instruments
from portkey_mistral._version import __version__

__all__ = ["Telemetry", "current_telemetry"]

_NAME = "portkey_mistral"


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What spans, metrics and events are made with."""

    tracer_provider: trace.TracerProvider
    meter_provider: metrics.MeterProvider
    logger_provider: _logs.LoggerProvider
    tracer: trace.Tracer
    instruments: Instruments
    events: _logs.Logger


_last: Telemetry | None = None


def current_telemetry() -> Telemetry:
    """Return the telemetry of the providers that are set. They are usually set once, before the first call."""
    global _last  # noqa: PLW0603
    providers = (
        trace.get_tracer_provider(),
        metrics.get_meter_provider(),
        _logs.get_logger_provider(),
    )
    if (last := _last) is not None and providers == (
        last.tracer_provider,
        last.meter_provider,
        last.logger_provider,
    ):
        return last
    _last = _telemetry(*providers)
    return _last


def _telemetry(
    tracers: trace.TracerProvider, meters: metrics.MeterProvider, loggers: _logs.LoggerProvider
) -> Telemetry:
    return Telemetry(
        tracers,
        meters,
        loggers,
        tracers.get_tracer(_NAME, __version__, schema_url=SCHEMA_URL),
        Instruments(meters.get_meter(_NAME, __version__, schema_url=SCHEMA_URL)),
        loggers.get_logger(_NAME, __version__, schema_url=SCHEMA_URL),
    )

"""OpenTelemetry with its own in-memory exporters, set as the application's for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import opentelemetry.metrics._internal as metrics
from opentelemetry import trace
from opentelemetry._logs import _internal as logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

__all__ = ["Watched", "watched"]


class Watched:
    """What was exported so far."""

    def __init__(self, *more: SpanExporter, sampler: Any = None) -> None:
        self._spans, self._logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(sampler=sampler)
        for exporter in (self._spans, *more):
            self.tracers.add_span_processor(SimpleSpanProcessor(exporter))
        self.meters = MeterProvider([self._reader])
        self.loggers = LoggerProvider()
        self.loggers.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self.tracer = self.tracers.get_tracer("application")

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in this order."""
        return list(self._spans.get_finished_spans())

    @property
    def calls(self) -> list[ReadableSpan]:
        """The spans of logical calls."""
        return [span for span in self.spans if "gen_ai.operation.name" in span.attributes]

    @property
    def call(self) -> ReadableSpan:
        (call,) = self.calls
        return call

    @property
    def attempts(self) -> list[ReadableSpan]:
        """The spans of attempts."""
        return [span for span in self.spans if "portkey_mistral.attempt.path" in span.attributes]

    @property
    def events(self) -> list[Any]:
        """The log records of OpenTelemetry that are events."""
        records = [data.log_record for data in self._logs.get_finished_logs()]
        return [record for record in records if record.event_name]

    def points(self, name: str) -> list[Any]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@contextmanager
def watched(*more: SpanExporter, sampler: Any = None) -> Iterator[Watched]:
    """Set providers as the application's own; OpenTelemetry itself lets a process set them only once."""
    seen = Watched(*more, sampler=sampler)
    with ExitStack() as patches:
        for module, name, provider in (
            (trace, "_TRACER_PROVIDER", seen.tracers),
            (metrics, "_METER_PROVIDER", seen.meters),
            (logs, "_LOGGER_PROVIDER", seen.loggers),
        ):
            patches.enter_context(mock.patch.object(module, name, provider))
        yield seen
    for provider in (seen.tracers, seen.meters, seen.loggers):
        provider.shutdown()

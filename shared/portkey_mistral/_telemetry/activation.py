"""Tells whether the application has set up OpenTelemetry, without importing it.

A provider can only be set by code that has imported OpenTelemetry's API, so where that is not loaded, nobody watches.
LangSmith and LlamaIndex load it too, so a loaded API without a provider is the usual case, and has to cost nothing.
"""

from __future__ import annotations

import os
import sys

__all__ = ["is_traced"]

# With these the instrumentations of OpenTelemetry are switched off, for all calls or in one context.
_DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_NAME = "portkey_mistral"
_SUPPRESSED = "suppress_instrumentation"

_PROVIDERS = (
    ("opentelemetry.trace", "get_tracer_provider"),
    ("opentelemetry.metrics", "get_meter_provider"),
    ("opentelemetry._logs", "get_logger_provider"),
)
# The API's own providers pass calls on to nobody.
_OWN = ("opentelemetry.trace", "opentelemetry.metrics", "opentelemetry._logs")


def is_traced() -> bool:
    """Whether spans, metrics or events of a call would reach anyone."""
    if "opentelemetry.trace" not in sys.modules and "opentelemetry.metrics" not in sys.modules:
        return False
    if not (_has_provider() or _has_current_span()):
        return False
    return not (_is_disabled() or _is_suppressed())


def _has_provider() -> bool:
    return any(_is_set(module, getter) for module, getter in _PROVIDERS)


def _is_set(module: str, getter: str) -> bool:
    # Another thread may be importing the module at this moment.
    get_provider = getattr(sys.modules.get(module), getter, None)
    return get_provider is not None and not type(get_provider()).__module__.startswith(_OWN)


def _has_current_span() -> bool:
    """Whether there is a trace to carry on: the API alone, without a provider, does that."""
    get_span = getattr(sys.modules.get("opentelemetry.trace"), "get_current_span", None)
    return get_span is not None and bool(get_span().get_span_context().is_valid)


def _is_disabled() -> bool:
    names = os.environ.get(_DISABLED, "")
    return bool(names) and not {"*", _NAME}.isdisjoint(map(str.strip, names.split(",")))


def _is_suppressed() -> bool:
    get_value = getattr(sys.modules.get("opentelemetry.context"), "get_value", None)
    return get_value is not None and bool(get_value(_SUPPRESSED))

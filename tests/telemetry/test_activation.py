"""Who does not use OpenTelemetry pays nothing: it is not imported, and not called."""

from __future__ import annotations

import subprocess
import sys
from unittest import mock

import pytest
from opentelemetry import context, metrics, trace
from opentelemetry.sdk.metrics import MeterProvider

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client
from portkey_mistral._telemetry import observe
from portkey_mistral._telemetry.activation import is_traced
from telemetry import Watched

SANDBOX = {"base_url": "sandbox:"}
every = pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
CALLS = """
import asyncio, sys
from portkey_mistral import ChatRequest, Client, EmbeddingRequest, Message
mine = Client(base_url="sandbox:")
request = ChatRequest(model="mistral-small-latest", messages=[Message.user("Hi")])
mine.chat(request), list(mine.stream(request)), asyncio.run(mine.achat(request))
mine.embed(EmbeddingRequest(model="mistral-embed", inputs=["a"]))
print(*(name for name in sys.modules if name.startswith("opentelemetry")))
"""


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_opentelemetry_is_not_imported_by_calls():
    assert python(CALLS) == ""


def test_calls_work_where_it_is_not_installed():
    assert python(f"import sys\nsys.modules['opentelemetry'] = None\n{CALLS}") == "opentelemetry"


IS_TRACED = "from portkey_mistral._telemetry.activation import is_traced\nprint(is_traced())\n"


def test_an_application_of_the_api_alone_is_not_traced():
    code = f"import opentelemetry.trace, opentelemetry.metrics, opentelemetry._logs\n{CALLS}{IS_TRACED}"
    loaded = "print('portkey_mistral._telemetry.operations' in sys.modules)"
    assert python(code + loaded).splitlines()[1:] == ["False", "False"]


@pytest.mark.parametrize(
    ("provider", "setter"),
    [
        ("opentelemetry.sdk.metrics.MeterProvider", "opentelemetry.metrics.set_meter_provider"),
        ("opentelemetry.sdk.trace.TracerProvider", "opentelemetry.trace.set_tracer_provider"),
        ("opentelemetry.sdk._logs.LoggerProvider", "opentelemetry._logs.set_logger_provider"),
    ],
)
def test_one_provider_is_enough(provider, setter):
    code = (
        f"from pkgutil import resolve_name\nresolve_name({setter!r})(resolve_name({provider!r})())"
    )
    assert python(f"{IS_TRACED}{code}\n{IS_TRACED}") == "False\nTrue"


@every
def test_no_span_is_made_where_nobody_watches(kind: Kind) -> None:
    with mock.patch.object(observe, "_operation_span", side_effect=AssertionError):
        kind.run(Client(**SANDBOX), ask(), None)


def test_no_operation_providers_of_the_api_count_as_none() -> None:
    with (
        mock.patch.object(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider()),
        mock.patch("opentelemetry.metrics._internal._METER_PROVIDER", metrics.NoOpMeterProvider()),
    ):
        assert not is_traced()


def test_metrics_without_traces() -> None:
    with mock.patch("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider()):
        assert is_traced()
        Client(**SANDBOX).chat(ask())


@pytest.mark.parametrize("names", ["portkey_mistral", "redis, portkey_mistral", "*"])
def test_it_is_switched_off_by_the_standard_variable(names, otel: Watched, monkeypatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", names)
    Client(**SANDBOX).chat(ask())
    assert otel.spans == []
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis")
    Client(**SANDBOX).chat(ask())
    assert len(otel.calls) == 1


def test_it_is_suppressed_in_a_context(otel: Watched) -> None:
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        Client(**SANDBOX).chat(ask())
    assert otel.spans == []
    assert context.get_value("suppress_instrumentation") is None

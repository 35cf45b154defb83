"""The tracing tools that people use, each with its own package: what it has recorded of one call.

Only what would leave the machine is replaced: exporters record in memory, and LangSmith's server is on loopback.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

from langchain_core.callbacks import BaseCallbackManager
from opentelemetry.sdk.trace import ReadableSpan

from telemetry import Watched, watched

__all__ = ["LANGCHAIN_TOOLS", "LLAMAINDEX_TOOLS", "Recorded", "Tool"]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What a tool shows of a call; None where it shows nothing."""

    provider: str | None = None
    model: str | None = None
    response_model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    tool_call: str | None = None
    finish_reason: str | None = None
    error: str | None = None


@dataclass
class Session:
    """A tool that is recording. `callbacks` are LangChain's, for tools that are passed to a call."""

    recorded: Callable[[], Recorded]
    text: Callable[[], str]
    callbacks: tuple[Any, ...] = ()


Tool = Callable[[], Any]


# --- tools that instrument the framework and export OpenTelemetry's spans


def _instrumented(
    instrumentor: Any, seen: Watched, read: Callable[[ReadableSpan], Recorded]
) -> Session:
    def theirs() -> list[ReadableSpan]:
        scope = type(instrumentor).__module__
        return [span for span in seen.spans if span.instrumentation_scope.name.startswith(scope)]

    return Session(
        recorded=lambda: read(next(span for span in reversed(theirs()) if _is_call(span))),
        text=lambda: " ".join(span.to_json() for span in theirs()),
    )


def _is_call(span: ReadableSpan) -> bool:
    names = ("gen_ai.request.model", "llm.input_messages.0.message.role")
    return any(name in span.attributes for name in names)


@contextmanager
def _instrumenting(
    instrumentor: Any, read: Callable[[ReadableSpan], Recorded]
) -> Iterator[Session]:
    # OpenLLMetry's `uninstrument` leaves this method wrapped.
    kept = mock.patch.object(BaseCallbackManager, "__init__", BaseCallbackManager.__init__)
    with watched() as seen, kept:
        instrumentor.instrument(
            tracer_provider=seen.tracers,
            meter_provider=seen.meters,
            logger_provider=seen.loggers,
            skip_dep_check=True,
        )
        try:
            yield _instrumented(instrumentor, seen, read)
        finally:
            instrumentor.uninstrument()


def _error(span: ReadableSpan) -> str | None:
    for event in span.events:
        if event.name == "exception":
            return str(event.attributes["exception.type"]).rpartition(".")[2]
    kind = span.attributes.get("error.type")
    return str(kind).rpartition(".")[2] if kind else None


def _genai(span: ReadableSpan) -> Recorded:
    """The attributes of the conventions for generative AI, in the spellings of both tools."""
    found = span.attributes
    output = json.loads(found.get("gen_ai.output.messages", "[]"))
    calls = [part for message in output for part in message["parts"] if part["type"] == "tool_call"]
    reasons = found.get("gen_ai.response.finish_reasons")
    return Recorded(
        provider=found.get("gen_ai.provider.name"),
        model=found.get("gen_ai.request.model"),
        response_model=found.get("gen_ai.response.model"),
        temperature=found.get("gen_ai.request.temperature"),
        max_tokens=found.get("gen_ai.request.max_tokens"),
        top_p=found.get("gen_ai.request.top_p"),
        input_tokens=found.get("gen_ai.usage.input_tokens"),
        output_tokens=found.get("gen_ai.usage.output_tokens"),
        cached_tokens=found.get("gen_ai.usage.cache_read.input_tokens"),
        reasoning_tokens=found.get("gen_ai.usage.reasoning.output_tokens"),
        tool_call=f"{calls[0]['name']} {json.dumps(calls[0]['arguments'])}" if calls else None,
        finish_reason=reasons[0] if reasons else None,
        error=_error(span),
    )


def _openinference(span: ReadableSpan) -> Recorded:
    found = span.attributes
    parameters = json.loads(found["llm.invocation_parameters"])
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    return Recorded(
        provider=found.get("llm.provider"),
        model=parameters.get("model") or parameters.get("model_name"),
        response_model=found.get("llm.model_name"),
        temperature=parameters.get("temperature"),
        max_tokens=parameters.get("max_tokens"),
        top_p=parameters.get("top_p"),
        input_tokens=found.get("llm.token_count.prompt"),
        output_tokens=found.get("llm.token_count.completion"),
        cached_tokens=found.get("llm.token_count.prompt_details.cache_read"),
        reasoning_tokens=found.get("llm.token_count.completion_details.reasoning"),
        tool_call=f"{found[f'{call}.name']} {found[f'{call}.arguments']}"
        if f"{call}.name" in found
        else None,
        finish_reason=found.get("llm.finish_reason"),
        error=_error(span),
    )


def opentelemetry_langchain() -> Any:
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor

    return _instrumenting(LangChainInstrumentor(), _genai)


def openllmetry_langchain() -> Any:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    return _instrumenting(LangchainInstrumentor(), _genai)


def openinference_langchain() -> Any:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    return _instrumenting(LangChainInstrumentor(), _openinference)


def openinference_llamaindex() -> Any:
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    return _instrumenting(LlamaIndexInstrumentor(), _openinference)


@contextmanager
def openllmetry_llamaindex() -> Iterator[Session]:
    from llama_index.core.instrumentation import get_dispatcher
    from opentelemetry.instrumentation.llamaindex import LlamaIndexInstrumentor

    # Its `uninstrument` leaves its handlers where they are, and instruments only once.
    root = get_dispatcher()
    spans, events = list(root.span_handlers), list(root.event_handlers)
    instrumentor = LlamaIndexInstrumentor()
    instrumentor.core._is_instrumented_by_opentelemetry = False
    with _instrumenting(instrumentor, _genai) as session:
        try:
            yield session
        finally:
            root.span_handlers[:], root.event_handlers[:] = spans, events


# --- Langfuse

# Langfuse keeps one client for each, and it cannot be used after its shutdown.
_LANGFUSE_PROJECTS = itertools.count()


@contextmanager
def langfuse_langchain() -> Iterator[Session]:
    from langfuse import Langfuse
    from langfuse.langchain import CallbackHandler
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    public_key = f"pk-{next(_LANGFUSE_PROJECTS)}"
    with watched() as seen:
        client = Langfuse(
            public_key=public_key,
            secret_key="sk",
            base_url="http://127.0.0.1:1",
            tracer_provider=seen.tracers,
            span_exporter=exporter,
        )

        def spans() -> list[ReadableSpan]:
            client.flush()
            return [
                span
                for span in exporter.get_finished_spans()
                if span.attributes.get("langfuse.observation.type") == "generation"
            ]

        try:
            yield Session(
                recorded=lambda: _langfuse(spans()[-1]),
                text=lambda: " ".join(span.to_json() for span in spans()),
                callbacks=(CallbackHandler(public_key=public_key),),
            )
        finally:
            client.shutdown()


def _langfuse(span: ReadableSpan) -> Recorded:
    found = {name.removeprefix("langfuse.observation."): v for name, v in span.attributes.items()}
    parameters = json.loads(found["model.parameters"])
    usage = json.loads(found.get("usage_details", "{}"))
    output = json.loads(found.get("output", "null"))
    calls = output.get("tool_calls") if isinstance(output, dict) else None
    cached, reasoning = usage.get("input_cache_read"), usage.get("output_reasoning")
    # Langfuse shows what was cached, or thought, apart from the rest.
    return Recorded(
        provider=json.loads(found["metadata.ls_provider"]),
        model=json.loads(found["metadata.ls_model_name"]),
        response_model=found.get("model.name"),
        temperature=parameters.get("temperature"),
        max_tokens=parameters.get("max_tokens"),
        top_p=parameters.get("top_p"),
        input_tokens=usage["input"] + (cached or 0) if usage else None,
        output_tokens=usage["output"] + (reasoning or 0) if usage else None,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        tool_call=f"{calls[0]['name']} {json.dumps(calls[0]['args'])}" if calls else None,
        error=str(found.get("status_message")) if found.get("level") == "ERROR" else None,
    )


# --- LangSmith


class _LangSmithServer(ThreadingHTTPServer):
    """Takes runs, as LangSmith does, on loopback."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _LangSmithIntake)
        self.runs: dict[str, dict[str, Any]] = {}


class _LangSmithIntake(BaseHTTPRequestHandler):
    server: _LangSmithServer

    def _take(self) -> None:
        run = json.loads(self.rfile.read(int(self.headers["content-length"])))
        # A run is created when it starts, and updated when it ends.
        known = self.server.runs.setdefault(run["id"], {})
        known.update({name: value for name, value in run.items() if value is not None})
        self.send_response(202)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_PATCH = _take  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def langsmith_langchain() -> Iterator[Session]:
    from langchain_core.tracers import LangChainTracer
    from langsmith import Client

    with _LangSmithServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        client = Client(url, api_key="lsv2", auto_batch_tracing=False)
        tracer = LangChainTracer(client=client, project_name="tests")

        def runs() -> list[dict[str, Any]]:
            tracer.wait_for_futures()
            return [run for run in server.runs.values() if run["run_type"] == "llm"]

        try:
            yield Session(
                recorded=lambda: _langsmith(runs()[-1]),
                text=lambda: json.dumps(runs()),
                callbacks=(tracer,),
            )
        finally:
            client.cleanup()
            server.shutdown()
            thread.join()


def _langsmith(run: Mapping[str, Any]) -> Recorded:
    metadata = run["extra"]["metadata"]
    parameters = run["extra"]["invocation_params"]
    outputs = run.get("outputs") or {}
    generations = outputs.get("generations") or [[{}]]
    generation = generations[0][0] if generations[0] else {}
    message = generation.get("message", {}).get("kwargs", {})
    usage = message.get("usage_metadata") or {}
    calls = message.get("tool_calls")
    info = message.get("response_metadata", {})
    return Recorded(
        provider=metadata.get("ls_provider"),
        model=metadata.get("ls_model_name"),
        response_model=info.get("model_name"),
        temperature=metadata.get("ls_temperature"),
        max_tokens=metadata.get("ls_max_tokens"),
        top_p=parameters.get("top_p"),
        input_tokens=usage.get("input_tokens"),
        output_tokens=usage.get("output_tokens"),
        cached_tokens=usage.get("input_token_details", {}).get("cache_read"),
        reasoning_tokens=usage.get("output_token_details", {}).get("reasoning"),
        tool_call=f"{calls[0]['name']} {json.dumps(calls[0]['args'])}" if calls else None,
        finish_reason=info.get("finish_reason"),
        error=run.get("error"),
    )


LANGCHAIN_TOOLS: Mapping[str, Tool] = {
    "opentelemetry": opentelemetry_langchain,
    "openllmetry": openllmetry_langchain,
    "openinference": openinference_langchain,
    "langfuse": langfuse_langchain,
    "langsmith": langsmith_langchain,
}
LLAMAINDEX_TOOLS: Mapping[str, Tool] = {
    "openllmetry": openllmetry_llamaindex,
    "openinference": openinference_llamaindex,
}

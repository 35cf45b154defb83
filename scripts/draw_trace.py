"""Draw docs/telemetry/fallback.svg from the spans of a real call: a retry and a fallback, on the sandbox.

.venv/bin/python scripts/draw_trace.py [FILE]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from portkey_mistral import ChatRequest, Client, Message, sandbox
from portkey_mistral.sandbox.faults import Fault

PICTURE = Path(__file__).parents[1] / "docs" / "telemetry" / "fallback.svg"
CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {
            "provider": "mistral-ai",
            "custom_host": "sandbox:primary",
            "retry": {"attempts": 1, "use_retry_after_header": True},
        },
        {
            "provider": "mistral-ai",
            "custom_host": "sandbox:reserve",
            "override_params": {"model": "mistral-medium-latest"},
        },
    ],
}
# What is shown of each span, besides its name and its time.
SHOWN = (
    "portkey_mistral.attempt.path",
    "portkey_mistral.attempt.model",
    "server.address",
    "http.response.status_code",
    "http.request.resend_count",
    "error.type",
    "gen_ai.provider.name",
    "gen_ai.response.model",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
)

WIDTH, LEFT, RIGHT, ROW, TOP, LINE = 960, 330, 90, 74, 20, 15
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
INK, GREY, RULE, OK, FAILED, CALL = "#1e293b", "#64748b", "#e2e8f0", "#16a34a", "#dc2626", "#818cf8"


def main(path: Path) -> None:
    path.write_text(picture(spans_of_a_fallback()), encoding="utf-8")


def spans_of_a_fallback() -> list[ReadableSpan]:
    """Make the call, and return its spans in the order in which they started."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    primary = sandbox.get("primary")
    for _ in range(2):
        headers = {"retry-after-ms": "150"}
        primary.inject(Fault(status=503, delay=0.2, headers=headers))
    sandbox.get("reserve").inject(Fault(delay=0.3))
    client = Client(base_url="sandbox:", portkey_config=CONFIG)
    client.chat(ChatRequest(model="mistral-small-latest", messages=[Message.user("Hello!")]))
    return sorted(exporter.get_finished_spans(), key=lambda span: span.start_time or 0)


def picture(spans: Sequence[ReadableSpan]) -> str:
    """Draw the spans below each other, each with a bar on the axis of time."""
    height = TOP * 2 + ROW * len(spans)
    size = f'width="{WIDTH}" height="{height}"'
    start, end = times(spans[0])
    rows = [
        line
        for number, span in enumerate(spans)
        for line in row(span, TOP + ROW * number, start, end - start)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" role="img">',
            "<title>The spans of a call that was retried and then fell back</title>",
            f'<rect {size} rx="8" fill="#ffffff" stroke="{RULE}"/>',
            *rows,
            "</svg>\n",
        ]
    )


def times(span: ReadableSpan) -> tuple[int, int]:
    return span.start_time or 0, span.end_time or 0


def row(span: ReadableSpan, top: float, start: int, length: int) -> Iterator[str]:
    is_child = span.parent is not None
    began, ended = times(span)
    scale = (WIDTH - LEFT - RIGHT) / length
    left, width = LEFT + (began - start) * scale, max((ended - began) * scale, 2)
    failed = span.status.status_code is StatusCode.ERROR
    color = FAILED if failed else OK if is_child else CALL
    indent = 40 if is_child else 20
    yield text(indent, top + 16, span.name, INK, 13, bold=not is_child)
    yield f'<rect x="{left:.1f}" y="{top + 4:.1f}" width="{width:.1f}" height="16" rx="3" fill="{color}"/>'
    yield text(left + width + 6, top + 16, f"{(ended - began) / 1e6:.0f} ms", GREY, 11)
    attributes = span.attributes or {}
    shown = [f"{name}={attributes[name]}" for name in SHOWN if name in attributes]
    halves = (shown[: (len(shown) + 1) // 2], shown[(len(shown) + 1) // 2 :])
    for number, half in enumerate(filter(None, halves)):
        yield text(indent, top + 34 + LINE * number, "  ".join(half), GREY, 10)


def text(x: float, y: float, content: str, fill: str, size: int, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{weight}>{escape(content)}</text>'


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)

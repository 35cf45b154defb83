"""Which messages are captured: none, unless the standard variables of OpenTelemetry ask for them."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Capture", "content_capture"]

_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_EVENT = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"

_logger = logging.getLogger("portkey_mistral")


class Capture(NamedTuple):
    """Whether spans hold the messages of a call, whether an event is emitted for it, and holds them."""

    on_spans: bool = False
    on_events: bool = False
    content_of_events: bool = False


_MODES = {
    "": Capture(),
    "NO_CONTENT": Capture(),
    "SPAN_ONLY": Capture(on_spans=True),
    "EVENT_ONLY": Capture(on_events=True, content_of_events=True),
    "SPAN_AND_EVENT": Capture(on_spans=True, on_events=True, content_of_events=True),
}


def content_capture() -> Capture:
    """Read the variables as they are now."""
    return _capture(os.environ.get(_CONTENT, ""), os.environ.get(_EVENT, ""))


@lru_cache(maxsize=16)
def _capture(content: str, event: str) -> Capture:
    mode = _MODES.get(content.strip().upper())
    if mode is None:
        _logger.warning(
            "%s=%r is not one of %s: no content is captured.",
            _CONTENT,
            content,
            ", ".join(filter(None, _MODES)),
        )
        mode = Capture()
    match event.strip().lower():
        case "true":
            return mode._replace(on_events=True)
        case "false":
            return mode._replace(on_events=False)
        case _:
            return mode

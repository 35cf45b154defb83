"""The events of a call (log records of OpenTelemetry), and the messages on its span."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import Logger, SeverityNumber

from portkey_mistral._telemetry.capture import content_capture
from portkey_mistral._telemetry.content import captured_content
from portkey_mistral._telemetry.errors import error_message

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from portkey_mistral._telemetry.attributes import Attributes
    from portkey_mistral._transport.call import Call

__all__ = ["emit_details", "emit_exception", "span_content"]


def span_content(call: Call[Any], response: object) -> dict[str, str]:
    """Return the messages as attributes of a span, which holds no objects: as JSON texts."""
    content = captured_content(call, response)
    return {
        name: json.dumps(value, ensure_ascii=False, default=str) for name, value in content.items()
    }


def emit_details(
    logger: Logger, context: Context, attributes: Attributes, call: Call[Any], response: object
) -> None:
    """Emit the event that describes a call, with its messages where they are captured."""
    content = captured_content(call, response) if content_capture().content_of_events else {}
    logger.emit(
        context=context,
        severity_number=SeverityNumber.INFO,
        event_name="gen_ai.client.inference.operation.details",
        attributes=attributes | content,
    )


def emit_exception(
    logger: Logger, context: Context, attributes: Attributes, error: BaseException
) -> None:
    """Emit the event of a call that failed. The stack is left out: causes may quote headers."""
    cls = type(error)
    logger.emit(
        context=context,
        severity_number=SeverityNumber.WARN,
        event_name="gen_ai.client.operation.exception",
        attributes=attributes
        | {
            "exception.type": f"{cls.__module__}.{cls.__qualname__}",
            "exception.message": error_message(error),
        },
    )

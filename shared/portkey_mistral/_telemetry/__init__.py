"""Makes calls visible: log records, and OpenTelemetry's spans, metrics and events. No key is in any of them."""

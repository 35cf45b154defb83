"""Speaks: domain values to and from the JSON of each dialect, headers, lanes, SSE, failures. No I/O."""

"""Translates domain values to and from each API's JSON, headers, lanes, server-sent events and errors. No I/O."""

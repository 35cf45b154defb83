"""`createHeaders` of Portkey's own SDK."""

from __future__ import annotations

import httpx

_MODULE = httpx.Timeout.__module__

from portkey_ai import createHeaders  # noqa: E402

# The copy of OpenAI's SDK in it writes "openai" there, and then no process can pickle a timeout.
httpx.Timeout.__module__ = _MODULE

__all__ = ["createHeaders"]

"""`createHeaders` of Portkey's own SDK."""

from __future__ import annotations

from typing import Any

import httpx

__all__ = ["createHeaders"]


def createHeaders(**arguments: Any) -> dict[str, str]:  # noqa: N802  Portkey's name
    module = httpx.Timeout.__module__
    # Here, because its import takes more than a second in every process that collects the tests.
    import portkey_ai

    # The copy of OpenAI's SDK in it writes "openai" there, and then no process can pickle a timeout.
    httpx.Timeout.__module__ = module
    headers: dict[str, str] = portkey_ai.createHeaders(**arguments)
    return headers

"""A client's request, and the trace id and metadata that hosted Portkey gives it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from portkey_mistral.sandbox.portkey.access import Caller
from portkey_mistral.sandbox.portkey.definition import Account

__all__ = ["METADATA", "TRACE_ID", "Received", "merged_metadata", "trace_id"]

METADATA = "x-portkey-metadata"
TRACE_ID = "x-portkey-trace-id"


@dataclass(slots=True)
class Received:
    """A client's request, and the status of the response.

    `headers` have lower-case names. `body` is the JSON value, None if it was not JSON. The repr has no headers, because
    they contain keys.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: Any
    status: int = 0


def trace_id(headers: Mapping[str, str]) -> str:
    """Return the client's trace id, else that of its W3C trace context, else a new one."""
    if given := headers.get(TRACE_ID):
        return given
    match headers.get("traceparent", "").split("-"):
        case [_, trace, _, _] if len(trace) == 32:
            return trace
        case _:
            return str(uuid4())


def merged_metadata(account: Account, caller: Caller, body: Any) -> dict[str, Any]:
    """Merge the metadata of W3C baggage, the request, the key and the workspace; later ones take precedence.

    `user` of the body becomes `_user` unless that is set. Metadata that is not a JSON object is ignored.
    """
    sent = _json_object(caller.headers.get(METADATA, ""))
    metadata = {**_baggage(caller.headers.get("baggage", "")), **sent}
    if isinstance(body, dict) and isinstance(user := body.get("user"), str):
        metadata.setdefault("_user", user)
    return {
        **metadata,
        **caller.key.defaults.metadata,
        **account.workspace.defaults.metadata,
    }


def _baggage(header: str) -> dict[str, str]:
    members = (member.partition(";")[0].partition("=") for member in header.split(","))
    return {name.strip(): unquote(value.strip()) for name, sign, value in members if sign}


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

"""Determines which of the caller's own headers reach a target.

As on the gateway's unified route, a target is sent the headers that its `forward_headers` names. The argument
`forward_headers` replaces the lists of all targets (observed in gateway 1.15.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from portkey_mistral.config.values import RenamedHeader

__all__ = ["TRACE_HEADERS", "forwarded_headers", "unforwarded_headers"]

# The first two are part of every request. On the proxy route the last would replace the key of every target, and is
# rejected there.
_OF_THE_REQUEST = frozenset({"accept", "content-type", "authorization"})
# W3C Trace Context and Baggage. Tracing sets them; a target gets them as it gets the caller's own headers.
TRACE_HEADERS: Mapping[str, str] = {"traceparent": "", "tracestate": "", "baggage": ""}
_PORTKEY_PREFIX = "x-portkey-"


def forwarded_headers(
    headers: Mapping[str, str], names: Iterable[str | RenamedHeader]
) -> dict[str, str]:
    """Return the named headers. `headers` have lower-case names; `names` are case-insensitive."""
    forwarded: dict[str, str] = {}
    for each in names:
        source, name = (each, each) if isinstance(each, str) else (each.source, each.name)
        if (value := headers.get(source.lower())) is not None:
            forwarded[name.lower()] = value
    return forwarded


def unforwarded_headers(
    headers: Mapping[str, str],
    names_of_targets: Iterable[Sequence[str | RenamedHeader]],
    argument: Sequence[str],
) -> tuple[str, ...]:
    """Return the names of the headers that must not reach every target.

    The gateway's proxy route passes all headers but its own on to all targets.
    """
    lists = [argument] if argument else list(names_of_targets)
    asked = [{name.lower() for name in names if isinstance(name, str)} for names in lists]
    everywhere = frozenset.intersection(*map(frozenset, asked)) if asked else frozenset()
    return tuple(
        sorted(
            name
            for name in map(str.lower, headers)
            if name not in everywhere | _OF_THE_REQUEST and not name.startswith(_PORTKEY_PREFIX)
        )
    )

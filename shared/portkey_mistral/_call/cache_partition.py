"""Determines the cache partition of a call in direct mode; URL, key and body of the request complete the cache key."""

from __future__ import annotations

from collections.abc import Mapping

from portkey_mistral._json import dumps

__all__ = ["cache_partition"]

# They differ in every call and do not affect the answer.
_TRACING = frozenset({"traceparent", "tracestate", "baggage"})


def cache_partition(
    namespace: str | None, metadata: Mapping[str, str] | None, headers: Mapping[str, str]
) -> bytes:
    """Return the partition of a call; calls in different partitions never share an answer.

    A namespace is a partition by itself. Without one, the Portkey metadata and the caller's own headers determine the
    partition, as they do at Portkey (its documentation, "Cache namespace").
    """
    if namespace is not None:
        return dumps(["namespace", namespace])
    own = sorted((name, value) for name, value in headers.items() if name not in _TRACING)
    return dumps(["caller", sorted((metadata or {}).items()), own])

"""The formats of JSON Schema: which strings are valid, and a valid one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["EXAMPLES", "FORMATS"]

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_HOST = rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*"
_IPV4 = r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_POINTER = r"(?:/(?:[^~/]|~[01])*)*"
FORMATS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "date": _DATE,
        "time": _TIME,
        "date-time": rf"{_DATE}[Tt ]{_TIME}",
        "duration": r"P(?!\Z)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?!\Z)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)",
        "email": rf"[^\s@]+@{_HOST}",
        "idn-email": r"[^\s@]+@[^\s@]+",
        "hostname": _HOST,
        "idn-hostname": r"[^\s/@]+",
        "ipv4": _IPV4,
        "ipv6": r"(?=.*:)[0-9a-fA-F:]{2,39}(?:\.\d+){0,3}",
        "uri": r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s<>\"{}|\\^`]+",
        "uri-reference": r"[^\s<>\"{}|\\^`]*",
        "iri": r"[a-zA-Z][a-zA-Z0-9+.-]*:\S+",
        "iri-reference": r"\S*",
        "uuid": _UUID,
        "json-pointer": _POINTER,
        "relative-json-pointer": rf"(?:0|[1-9]\d*)(?:#|{_POINTER})",
    }.items()
}
"""The formats of JSON Schema that are checked; others are annotations."""

EXAMPLES: Final[Mapping[str, str]] = {
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "date-time": "2026-01-01T00:00:00Z",
    "duration": "P1D",
    "email": "nobody@example.com",
    "idn-email": "nobody@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/",
    "iri": "https://example.com/",
    "iri-reference": "/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "json-pointer": "/0",
    "relative-json-pointer": "0",
}
"""A valid string of each format."""

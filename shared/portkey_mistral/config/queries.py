"""What a condition's `query` may say; found at construction, where the gateway answers 400 to each call.

Also how a regular expression of JavaScript, in which the gateway is written, is read in Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portkey_mistral.config.checks import fault, kind, nearest

__all__ = ["COMBINERS", "OPERATORS", "SUBJECTS", "check_query", "regex"]

OPERATORS = ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$regex")
COMBINERS = ("$and", "$or")
SUBJECTS = ("metadata", "params", "url")

# What `\s` is to JavaScript. All other classes of characters are ASCII there.
_BLANKS = r"\s\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
# Escapes and classes are stepped over, but for blanks; what else is found means something else in Python.
_DIALECT = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\(\?<(?=[A-Za-z_])|\$", re.DOTALL)
_PYTHON = {"(?<": "(?P<", "$": r"\Z", r"\s": rf"[{_BLANKS}]", r"\S": rf"[^{_BLANKS}]"}


def check_query(query: Any, path: str) -> None:
    """Raise `ConfigurationError` for a query that could never be judged."""
    if not isinstance(query, Mapping):
        raise fault(
            path, f"must be an object such as {{'metadata.tier': 'paid'}}, got {kind(query)}."
        )
    for key, expected in query.items():
        here = f"{path}.{key}"
        if key in COMBINERS:
            _check_alternatives(expected, here)
        elif not isinstance(key, str) or key.startswith("$"):
            raise _unknown_operator(str(key), here, COMBINERS)
        else:
            _check_subject(key, here)
            _check_expected(expected, here)


def regex(pattern: str) -> re.Pattern[str]:
    """Compile a JavaScript pattern.

    Raises:
        re.error: Python cannot read it.
    """
    return re.compile(_DIALECT.sub(_in_python, pattern), re.ASCII)


def _in_python(found: re.Match[str]) -> str:
    part = found[0]
    if part.startswith("["):
        return re.sub(r"\\.", lambda escape: _BLANKS if escape[0] == r"\s" else escape[0], part)
    return _PYTHON.get(part, part)


def _check_alternatives(queries: Any, path: str) -> None:
    if not isinstance(queries, list | tuple):
        raise fault(path, f"must be a list of queries, got {kind(queries)}.")
    for index, query in enumerate(queries):
        check_query(query, f"{path}[{index}]")


def _check_subject(key: str, path: str) -> None:
    head = key.partition(".")[0]
    if head not in SUBJECTS or "." not in key:
        near = nearest(head, SUBJECTS)
        hint = f" Did you mean {near!r}?" if near and near != head else ""
        raise fault(
            path,
            "a condition looks at 'metadata.<name>', 'params.<field of the request>' or 'url.pathname'."
            + hint,
        )


def _check_expected(expected: Any, path: str) -> None:
    if isinstance(expected, list | tuple):
        raise fault(path, 'must be a value or operators; for one of several write {"$in": [...]}.')
    if not isinstance(expected, Mapping):
        return
    for operator, operand in expected.items():
        if operator not in OPERATORS:
            raise _unknown_operator(str(operator), f"{path}.{operator}", OPERATORS)
        if operator in ("$in", "$nin") and not isinstance(operand, list | tuple):
            raise fault(f"{path}.{operator}", f"must be a list, got {kind(operand)}.")
        if operator == "$regex" and not isinstance(operand, str):
            raise fault(f"{path}.{operator}", f"must be a pattern as text, got {kind(operand)}.")


def _unknown_operator(name: str, path: str, known: tuple[str, ...]) -> Exception:
    near = nearest(name, known)
    hint = f" Did you mean {near!r}?" if near else f" Valid here: {', '.join(known)}."
    return fault(path, f"is not an operator.{hint}")

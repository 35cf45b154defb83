"""Validates the `query` of a condition at construction; the gateway would answer 400 to every call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.config.validators import error_at, json_type, with_hint
from portkey_mistral.config.values import COMBINERS, OPERATORS, SUBJECTS

__all__ = ["validate_query"]


def validate_query(query: Any, path: str) -> None:
    """Raise `ConfigurationError` for a query that could never be evaluated."""
    if not isinstance(query, Mapping):
        raise error_at(
            path, f"must be an object such as {{'metadata.tier': 'paid'}}, got {json_type(query)}."
        )
    for key, expected in query.items():
        key_path = f"{path}.{key}"
        if key in COMBINERS:
            _validate_alternatives(expected, key_path)
        elif not isinstance(key, str) or key.startswith("$"):
            raise _unknown_operator(str(key), key_path, COMBINERS)
        else:
            _validate_subject(key, key_path)
            _validate_expected(expected, key_path)


def _validate_alternatives(queries: Any, path: str) -> None:
    if not isinstance(queries, list | tuple):
        raise error_at(path, f"must be a list of queries, got {json_type(queries)}.")
    for index, query in enumerate(queries):
        validate_query(query, f"{path}[{index}]")


def _validate_subject(key: str, path: str) -> None:
    subject = key.partition(".")[0]
    if subject in SUBJECTS and "." in key:
        return
    hint = "" if subject in SUBJECTS else did_you_mean(subject, SUBJECTS)
    problem = (
        "a condition tests 'metadata.<name>', 'params.<field of the request>' or 'url.pathname'"
    )
    raise error_at(path, with_hint(problem, hint))


def _validate_expected(expected: Any, path: str) -> None:
    if isinstance(expected, list | tuple):
        raise error_at(
            path, 'must be a value or operators; for one of several write {"$in": [...]}.'
        )
    if not isinstance(expected, Mapping):
        return
    for operator, operand in expected.items():
        if operator not in OPERATORS:
            raise _unknown_operator(str(operator), f"{path}.{operator}", OPERATORS)
        if operator in ("$in", "$nin") and not isinstance(operand, list | tuple):
            raise error_at(f"{path}.{operator}", f"must be a list, got {json_type(operand)}.")
        if operator == "$regex" and not isinstance(operand, str):
            raise error_at(
                f"{path}.{operator}", f"must be a pattern as a string, got {json_type(operand)}."
            )


def _unknown_operator(name: str, path: str, known: tuple[str, ...]) -> Exception:
    hint = did_you_mean(name, known, otherwise=f"valid operators here: {', '.join(known)}.")
    return error_at(path, f"unknown operator; {hint}")

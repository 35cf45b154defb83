"""Turns pydantic's complaint about constructor arguments into a text that says what to do.

pydantic's own text can print what was passed in, keys among it; this one never does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import AliasChoices, BaseModel, ValidationError

__all__ = [
    "argument_names",
    "by_field",
    "explain",
    "explain_misplaced",
    "explain_unknown",
    "refuse_settings",
]


def argument_names(cls: type[BaseModel]) -> dict[str, str]:
    """Map every name a constructor takes, aliases included, to its field."""
    names: dict[str, str] = {}
    for name, field in cls.model_fields.items():
        alias = field.validation_alias
        choices = (
            alias.choices if isinstance(alias, AliasChoices) else [alias or field.alias or name]
        )
        names |= {choice: name for choice in choices if isinstance(choice, str)}
        names[name] = name
    return names


def by_field(
    values: Mapping[str, Any], cls: type[BaseModel]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split arguments into those that belong to fields of `cls`, by field name, and the rest.

    Raises:
        ValueError: two names of one field are both given.
    """
    names = argument_names(cls)
    own: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    said_as: dict[str, str] = {}
    for name, value in values.items():
        field = names.get(name)
        if field is None:
            rest[name] = value
        elif own.get(field) is not None and value is not None:
            raise ValueError(_two_names(said_as[field], name))
        elif own.get(field) is None:
            own[field] = value
            said_as[field] = name
    return own, rest


def refuse_settings(extra: Mapping[str, Any], settings: Mapping[str, str], *, where: str) -> None:
    """Raise for a setting that stands among the extra members of a request's body.

    A key there would be sent as part of the request, and shown wherever the request is.

    Raises:
        ValueError: one of `settings` (names to fields, as `argument_names` gives them) is in `extra`.
    """
    for name in extra:
        if name in settings:
            raise ValueError(
                f"{name!r} is a setting: pass {settings[name]}=... to the constructor, and keep it out of "
                f"{where}."
            )


def explain_misplaced(name: str) -> str:
    """Say where an argument of a call belongs that is a setting of the object."""
    return (
        f"unknown argument {name!r}: it is a setting of the object, so pass it to the constructor."
    )


def explain_unknown(
    name: str, known: Collection[str], settings: Collection[str], *, extras: str
) -> str:
    """Say what is wrong with an argument of a call that no call takes.

    `settings` are the names that the constructor takes; `extras` is the argument for what Mistral adds next.
    """
    if name in settings:
        return explain_misplaced(name)
    near = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return (
        f"unknown argument {name!r}{hint} What this package does not know of is passed as "
        f"{extras}={{...}}."
    )


def explain(error: ValidationError, cls: type[BaseModel]) -> str:
    """Say for each fault where it is and what would be right."""
    return f"{cls.__name__}: " + "; ".join(dict.fromkeys(_faults(error, cls)))


def _faults(error: ValidationError, cls: type[BaseModel]) -> Iterator[str]:
    known = argument_names(cls)
    for fault in error.errors(include_input=False, include_url=False, include_context=False):
        location = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            yield _unknown(str(fault["loc"][-1]), known)
        elif fault["type"] in ("value_error", "assertion_error"):
            yield message
        else:
            yield f"{location}: {message}"


def _two_names(one: str, other: str) -> str:
    return f"{one!r} and {other!r} are two names for one setting; pass one of them."


def _unknown(name: str, known: Mapping[str, str]) -> str:
    if name in known:
        # The field was already given, under a name that pydantic looks at first.
        return _two_names(known[name], name)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}?" if near else "see the class's documentation for its fields."
    return f"unknown argument {name!r}; {hint}"

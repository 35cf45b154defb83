"""Maps constructor arguments to fields, and explains invalid ones.

pydantic's own messages can contain the values that were passed in, keys among them; these never do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ValidationError

from portkey_mistral._suggestions import did_you_mean
from portkey_mistral.settings.peer_arguments import explain_peer_argument

__all__ = [
    "argument_names",
    "by_field",
    "explain",
    "explain_misplaced",
    "explain_unknown",
    "refuse_settings",
]


def argument_names(cls: type[BaseModel]) -> dict[str, str]:
    """Return every name that a constructor accepts, aliases included, with the name of its field."""
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
    """Split arguments into those of the fields of `cls`, under the names of the fields, and the rest.

    Raises:
        ValueError: a field is given under two names.
    """
    names = argument_names(cls)
    fields: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    given_as: dict[str, str] = {}
    for name, value in values.items():
        field = names.get(name)
        if field is None:
            rest[name] = value
        elif fields.get(field) is not None and value is not None:
            raise ValueError(_given_twice(given_as[field], name))
        elif fields.get(field) is None:
            fields[field] = value
            given_as[field] = name
    return fields, rest


def refuse_settings(extra: Mapping[str, Any], settings: Mapping[str, str], *, where: str) -> None:
    """Raise for settings among the extra members of a request's body.

    A key there would be sent in the body, and shown wherever the request is shown.

    Raises:
        ValueError: `extra` contains one of `settings`, which maps names to fields as `argument_names` does.
    """
    for name in extra:
        if name in settings:
            raise ValueError(
                f"{name!r} is a setting: pass {settings[name]}=... to the constructor, and remove it from "
                f"{where}."
            )


def explain_misplaced(name: str) -> str:
    """Explain an argument of a call that is a setting of the object."""
    return (
        f"unknown argument {name!r}: it is a setting of the object, so pass it to the constructor."
    )


def explain_unknown(
    name: str, known: Collection[str], settings: Collection[str], *, extras: str
) -> str:
    """Explain an unknown argument of a call.

    `settings` are the names that only the constructor accepts. `extras` is the argument that takes parameters without
    a name here.
    """
    if name in settings:
        return explain_misplaced(name)
    if (hint := explain_peer_argument(name, known)) is not None:
        return f"unknown argument {name!r}: {hint}"
    if (hint := explain_peer_argument(name, settings)) is not None:
        return f"unknown argument {name!r}: {hint} It is a setting of the object, so pass it to the constructor."
    advice = f"Parameters that this package has no name for are passed as {extras}={{...}}."
    near = did_you_mean(name, known)
    return f"unknown argument {name!r}{f'; {near}' if near else '.'} {advice}"


def explain(error: ValidationError, cls: type[BaseModel]) -> str:
    """Return the location of each error, and what is valid there."""
    return f"{cls.__name__}: " + "; ".join(dict.fromkeys(_messages(error, cls)))


def _messages(error: ValidationError, cls: type[BaseModel]) -> Iterator[str]:
    known = argument_names(cls)
    for item in error.errors(include_input=False, include_url=False, include_context=False):
        location = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            yield _unknown(str(item["loc"][-1]), known)
        elif item["type"] in ("value_error", "assertion_error"):
            yield message
        else:
            yield f"{location}: {message}"


def _given_twice(one: str, other: str) -> str:
    return f"{one!r} and {other!r} are names of the same setting; pass only one of them."


def _unknown(name: str, known: Mapping[str, str]) -> str:
    if name in known:
        # pydantic has already set the field from another of its names.
        return _given_twice(known[name], name)
    if (hint := explain_peer_argument(name, known)) is not None:
        return f"unknown argument {name!r}: {hint}"
    hint = did_you_mean(name, known, otherwise="see the class's documentation for its fields.")
    return f"unknown argument {name!r}; {hint}"

"""Makes pydantic objects of a framework's without validating what is known to be valid: once a word, a
framework's own constructors cost more than all else.

It lays hands on what pydantic keeps of a model, and whoever uses it on which fields a framework's class has.
Both may change, so a mould is used only where it makes what the constructors make (`fits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel

__all__ = ["Blank", "blank", "fields_of", "fits", "mould"]

M = TypeVar("M", bound=BaseModel)


class Blank(BaseModel):
    """An object whose attributes can be set without pydantic, whose own way costs more than all the rest here.

    Once it has all of them, `__class__` makes it one of a framework's. Where they are set one by one, each kind
    wants a subclass of its own: Python keeps the names of attributes once a class, for all its objects.
    """

    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__  # the two are one to a class: without this, neither is quick


blank: Callable[[type[BaseModel]], Any] = object.__new__
"""Make an object without a single attribute."""


def mould(
    kind: type[M], fields: dict[str, Any], fields_set: set[str], extra: dict[str, Any] | None = None
) -> M:
    """Make an object of these fields, all of them; `fields_set` names those that were given."""
    made = blank(Blank)
    made.__dict__ = fields
    made.__pydantic_fields_set__ = fields_set
    made.__pydantic_extra__ = extra
    made.__pydantic_private__ = None
    made.__class__ = kind
    moulded: M = made
    return moulded


def fields_of(sample: BaseModel) -> dict[str, Any]:
    """Return all fields of an object, to be copied for each that `mould` makes."""

    class Holder:
        """Python keeps the names of its attributes once, and copies of its dict have only the values."""

    holder = Holder()
    for name, value in sample.__dict__.items():
        setattr(holder, name, value)
    return vars(holder)


def fits(moulded: Callable[[str], BaseModel], constructed: Callable[[str], BaseModel]) -> bool:
    """Whether moulded objects are like constructed ones, through and through, and share nothing."""
    try:
        one, other, wanted = moulded(" word"), moulded(" word"), constructed(" word")
        alike = _insides(one) == _insides(wanted)
        return alike and not {*_containers(one)} & {*_containers(other)}
    except (AttributeError, LookupError, TypeError, ValueError):
        return False


def _insides(value: object) -> object:
    if isinstance(value, BaseModel):
        slots = [getattr(value, name) for name in BaseModel.__slots__ if name != "__dict__"]
        return [type(value), _insides(value.__dict__), *slots]
    if isinstance(value, list):
        return [_insides(item) for item in value]
    if isinstance(value, Mapping):
        return [(name, _insides(item)) for name, item in value.items()]
    return value


def _containers(value: object) -> Iterator[int]:
    if isinstance(value, BaseModel):
        for field in value.__dict__.values():
            yield from _containers(field)
    elif isinstance(value, list):
        yield id(value)
        for item in value:
            yield from _containers(item)
    elif isinstance(value, dict):
        yield id(value)

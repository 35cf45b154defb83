"""Converts a TypedDict to a pydantic class, to get its JSON Schema.

Before Python 3.12 pydantic accepts only typing_extensions' TypedDicts, and LangChain's own conversion does not support
recursion, `NotRequired` or `Required`. LangChain's conventions are kept: `Annotated[type, default, "description"]`, and
descriptions from a Google-style docstring.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, ForwardRef, NotRequired, Required, Union, get_args, get_origin

from pydantic import BaseModel, Field, create_model
from typing_extensions import ReadOnly, get_type_hints, is_typeddict

from portkey_mistral.exceptions import InvalidRequestError

__all__ = ["is_typeddict", "to_pydantic_class"]

# Types of a default in LangChain's `Annotated` convention; anything else is pydantic metadata.
_DEFAULTS = (type(...), str, int, float, list, dict)


def to_pydantic_class(typed_dict: type) -> type[BaseModel]:
    """Convert a TypedDict and every TypedDict that it refers to.

    Raises:
        InvalidRequestError: an annotation has a description that is not text.
    """
    converter = _Converter()
    converter.reference(typed_dict)
    classes = converter.classes
    for cls in classes.values():
        cls.model_rebuild(_types_namespace=classes)
    return next(iter(classes.values()))


class _Converter:
    def __init__(self) -> None:
        self.classes: dict[str, type[BaseModel]] = {}
        self._names: dict[type, str] = {}

    def reference(self, typed_dict: type) -> ForwardRef:
        """Convert a TypedDict on first use, and return a reference to its class."""
        if typed_dict not in self._names:
            name = f"_{len(self._names)}_{typed_dict.__name__}"
            self._names[typed_dict] = name
            self.classes[name] = BaseModel  # reserves the position: the first class is the root
            self.classes[name] = self._convert(typed_dict)
        return ForwardRef(self._names[typed_dict])

    def _convert(self, typed_dict: type) -> type[BaseModel]:
        hints = get_type_hints(typed_dict, include_extras=True)
        descriptions = _argument_descriptions(typed_dict, hints)
        required = getattr(typed_dict, "__required_keys__", frozenset(hints))
        fields: dict[str, Any] = {
            # An alias, because a key may not be a valid name for a pydantic field.
            f"field_{at}": self._field(
                key, hint, is_required=key in required, description=descriptions.get(key)
            )
            for at, (key, hint) in enumerate(hints.items())
        }
        return create_model(typed_dict.__name__, __doc__=_summary(typed_dict) or None, **fields)

    def _field(
        self, key: str, hint: Any, *, is_required: bool, description: str | None
    ) -> tuple[Any, Any]:
        hint, is_required = _without_qualifiers(hint, is_required)
        if get_origin(hint) is Annotated:
            inner, *metadata = get_args(hint)
            inner, is_required = _without_qualifiers(inner, is_required)
            hint = Annotated[(inner, *metadata)]
            match metadata:
                case [str(text)]:
                    hint, description = inner, description or text
                case [default, *texts] if default is None or isinstance(default, _DEFAULTS):
                    hint = inner
                    is_required = default is ...
                    description = description or _description(key, texts)
        # A default factory makes the field optional without adding a default to the JSON Schema.
        optional: dict[str, Any] = {} if is_required else {"default_factory": lambda: None}
        return self._annotation(hint), Field(alias=key, description=description, **optional)

    def _annotation(self, hint: Any) -> Any:
        """Replace TypedDicts anywhere in a type by references to their classes."""
        if is_typeddict(hint):
            return self.reference(hint)
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is None or not arguments:
            return hint
        if origin is Annotated:
            inner, *metadata = arguments
            return Annotated[(self._annotation(inner), *metadata)]
        converted = tuple(self._annotation(each) for each in arguments)
        if converted == arguments:
            return hint
        if origin in (Union, UnionType):
            return Union[converted]  # noqa: UP007 - as many as there are
        return origin[converted]


def _description(key: str, texts: list[Any]) -> str | None:
    match texts:
        case []:
            return None
        case [str(text), *_]:
            return text
    raise InvalidRequestError(
        f"{key!r}: the third argument of Annotated must be a description, got {texts[0]!r}."
    )


def _without_qualifiers(hint: Any, is_required: bool) -> tuple[Any, bool]:
    while (origin := get_origin(hint)) in (Required, NotRequired, ReadOnly):
        if origin is not ReadOnly:
            is_required = origin is Required
        (hint,) = get_args(hint)
    return hint, is_required


def _summary(typed_dict: type) -> str:
    text, _, _ = _docstring(typed_dict).partition("Args:")
    return text.strip()


def _docstring(typed_dict: type) -> str:
    return inspect.getdoc(typed_dict) or "" if typed_dict.__doc__ else ""


def _argument_descriptions(typed_dict: type, keys: Mapping[str, Any]) -> dict[str, str]:
    """Return the descriptions in the `Args:` section of a docstring."""
    _, _, section = _docstring(typed_dict).partition("Args:")
    found: dict[str, str] = {}
    key = None
    for line in section.splitlines():
        start = re.match(r"\s+(\w+)(?: \([^)]*\))?:\s*(.*)", line)
        if start and start[1] in keys:
            key = start[1]
            found[key] = start[2].strip()
        elif not line.startswith(" ") and line.strip():
            break
        elif key and line.strip():
            found[key] = f"{found[key]} {line.strip()}".strip()
    return found

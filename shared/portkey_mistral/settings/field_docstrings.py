"""The docstrings below fields, as their descriptions in JSON schemas and in what frameworks show of them.

pydantic can read them when a class is made (`use_attribute_docstrings`): that takes 4 % of the time in which LangChain's
model is imported, and few programs need the descriptions. So they are read on demand.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from textwrap import dedent

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

__all__ = ["DocumentedFields", "field_docstrings"]


class DocumentedFields(BaseModel):
    """A model whose JSON schema has the docstrings of its fields as their descriptions."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        json_schema = handler(core_schema)
        properties = handler.resolve_ref_schema(json_schema).get("properties", {})
        for name, text in field_docstrings(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return json_schema


@lru_cache
def field_docstrings(cls: type[BaseModel]) -> Mapping[str, str]:
    """Return the docstrings of a model's own and inherited fields, where its source is at hand."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, DocumentedFields):
            found.update(_own_docstrings(base))
    return {name: text for name, text in found.items() if name in cls.model_fields}


def _own_docstrings(cls: type[BaseModel]) -> Iterator[tuple[str, str]]:
    try:
        source = dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # a program without its sources
        return
    (definition,) = ast.parse(source).body
    statements = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, below in pairwise(statements):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(inspect.cleandoc(text).split())

"""The keyword arguments of `Client` for type checkers are the fields of `ConnectionSettings`, of the same types."""

from __future__ import annotations

import ast
import inspect
from types import ModuleType

from portkey_mistral.settings import connection, connection_arguments


def annotations_of(module: ModuleType, name: str) -> list[tuple[str, str]]:
    tree = ast.parse(inspect.getsource(module))
    (found,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    return [
        (ast.unparse(node.target), ast.unparse(node.annotation))
        for node in found.body
        if isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_")
    ]


def test_each_field_is_an_argument_of_the_same_type() -> None:
    fields = annotations_of(connection, "ConnectionSettings")
    assert len(fields) > 30
    assert annotations_of(connection_arguments, "ConnectionArguments") == fields


def test_no_field_is_inherited() -> None:
    own = {name for name, _ in annotations_of(connection, "ConnectionSettings")}
    assert own == set(connection.ConnectionSettings.model_fields)

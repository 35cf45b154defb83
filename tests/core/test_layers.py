"""How far the imports of one module can reach down: a reader has to follow them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "portkey_mistral": ROOT / "shared",
    "langchain_portkey_mistral": ROOT,
    "llamaindex_portkey_mistral": ROOT,
}
MOST_FLOORS = 15


def module_files() -> Iterator[tuple[str, Path]]:
    for package, folder in FOLDERS.items():
        for file in (folder / package).rglob("*.py"):
            parts = file.relative_to(folder).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


FILES = dict(module_files())


def imported_names(node: ast.AST) -> Iterator[str]:
    """Yield what is imported at run time, in functions too."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=orelse):
                for statement in orelse:
                    yield from imported_names(statement)
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str(module), names=names):
                for name in names:
                    yield f"{module}.{name.name}" if f"{module}.{name.name}" in FILES else module
            case _:
                yield from imported_names(child)


@cache
def imports(module: str) -> frozenset[str]:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    return frozenset(name for name in imported_names(tree) if name in FILES) - {module}


@cache
def longest_chain(module: str) -> tuple[str, ...]:
    """The modules from this one down to one that imports none of ours. There is no circle: the linter sees to it."""
    return (module, *max(map(longest_chain, imports(module)), key=len, default=()))


@pytest.mark.parametrize("package", FOLDERS)
def test_no_chain_of_imports_is_too_long_to_follow(package):
    chains = [longest_chain(module) for module in FILES if module.partition(".")[0] == package]
    longest = max(chains, key=len)
    assert len(longest) <= MOST_FLOORS, " -> ".join(longest)

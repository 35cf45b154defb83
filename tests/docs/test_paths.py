"""The pages for contributors name files that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASES = (ROOT, ROOT / "shared/portkey_mistral")
CODE_SPAN = re.compile(r"`([\w./-]+(?:\.(?:py|md|toml|json)|/))`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def exists(name: str, page: str) -> bool:
    """A file is named from the root, from the core, or by its bare name after its folder was named."""
    if any((base / name).exists() for base in BASES):
        return True
    folders = {str(Path(each).parent) for each in CODE_SPAN.findall(page)}
    return any((base / folder / name).exists() for base in BASES for folder in folders)


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_is_named_exists(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    named = CODE_SPAN.findall(page)
    assert len(named) > 5
    assert [path for path in named if not exists(path, page)] == []


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    links = LINK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (folder / link).exists()] == []


def test_every_layer_of_the_core_is_on_the_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    folders = [
        path.name
        for path in (ROOT / "shared/portkey_mistral").iterdir()
        if (path / "__init__.py").exists()
    ]
    assert [
        folder for folder in folders if f"{folder}/" not in page and folder not in ("cli", "demo")
    ] == []

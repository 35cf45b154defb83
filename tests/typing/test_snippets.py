"""Every Python snippet of the README and the docs passes both type checkers at their strictest, as a user writes it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)

# Packages without types, bm25s for one, are not ours to mend. mypy reads pyproject.toml.
FOREIGN = "# pyright: reportMissingTypeStubs=false\n"

pytestmark = [pytest.mark.types, pytest.mark.timeout(600)]


# Their sections are programs of their own, with the same names in both frameworks.
BY_SECTION = frozenset({"README", "mcp", "moderation", "retrieval"})


def sections(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the code of each section of some pages, and of each other page: one module each."""
    text = page.read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for snippet in FENCE.finditer(text):
        titles = HEADING.findall(text, 0, snippet.start())
        title = titles[-1] if titles and page.stem in BY_SECTION else ""
        name = re.sub(r"\W+", "_", f"{page.stem} {title}".strip().lower())
        found[name] = found.get(name, "") + snippet[1]
    yield from found.items()


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snippets")
    for page in PAGES:
        for name, code in sections(page):
            (folder / f"{name}.py").write_text(FOREIGN + code, encoding="utf-8")
    assert len(list(folder.iterdir())) > 15
    return folder


def check(*command: str) -> None:
    """Run a checker with the rules of pyproject.toml, in the project for its cache."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy(modules: Path) -> None:
    check(
        "mypy",
        "--scripts-are-modules",
        "--disable-error-code=import-untyped",
        *map(str, sorted(modules.iterdir())),
    )


def test_pyright(modules: Path) -> None:
    check("pyright", *map(str, sorted(modules.iterdir())))

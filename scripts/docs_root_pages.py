"""Shows CHANGELOG.md and CONTRIBUTING.md, which stay in the root of the repository, in the documentation (a MkDocs hook)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of the file in the root that a page stands for, with links relative to docs/."""
    name = PAGES.get(page.file.src_uri)
    if name is None:
        return markdown
    text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
    for stub, linked in PAGES.items():
        text = text.replace(f"]({linked})", f"]({stub})")
    return text

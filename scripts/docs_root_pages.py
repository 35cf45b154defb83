"""Shows files that have their place outside docs/ as pages of the documentation (a MkDocs hook)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = {
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "errors.md": "shared/portkey_mistral/errors.md",
}


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of the file that a page stands for, with links relative to docs/."""
    name = PAGES.get(page.file.src_uri)
    if name is None:
        return markdown
    text = (ROOT / name).read_text(encoding="utf-8")
    text = re.sub(r"\]\((\.\./)*docs/", "](", text)
    for stub, linked in PAGES.items():
        text = text.replace(f"]({linked})", f"]({stub})")
    return text

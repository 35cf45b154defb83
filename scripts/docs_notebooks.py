"""Shows the notebooks, which stay in the root of the repository, as pages of the documentation (a MkDocs hook)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

FOLDER = Path(__file__).parents[1] / "notebooks"
_LINK = re.compile(r"\]\((?:\.\./)+notebooks/(\w+)\.ipynb\)")


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add a page for each notebook, and its pictures."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        text, pictures = _page(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Let links to notebooks lead to their pages."""
    up = "../" * page.file.src_uri.count("/")
    return _LINK.sub(rf"]({up}notebooks/\1.md)", markdown)


def _page(path: Path) -> tuple[str, dict[str, bytes]]:
    resources = {"unique_key": path.stem, "output_files_dir": ""}
    text, resources = MarkdownExporter().from_filename(str(path), resources=resources)
    text = text.replace("](../docs/", "](../").replace("![png](", "![What the cell drew](")
    return re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.md)", text), resources["outputs"]

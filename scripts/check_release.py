"""Check that a version can be published: print what is missing, and exit with 1 if anything is.

.venv/bin/python scripts/check_release.py v0.1.0
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RELATIVE_LINK = re.compile(r"\]\((?!https?:|#)[^)]+\)")


def main(tag: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    missing = [*of_version(tag, project["version"]), *of_changelog(changelog, project["version"])]
    missing += of_links(project, (ROOT / "README.md").read_text(encoding="utf-8"))
    if missing:
        sys.exit("\n".join(missing))
    print(f"{tag} can be published.")


def of_version(tag: str, version: str) -> Iterator[str]:
    if tag != f"v{version}":
        yield f"The tag is {tag}, but the version in pyproject.toml is {version}: tag v{version}."


def of_changelog(changelog: str, version: str) -> Iterator[str]:
    """The version has a dated section with entries, and nothing waits under Unreleased."""
    sections = dict(
        re.findall(r"^## \[([^\]]+)\](.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    )
    heading, _, entries = sections.get(version, "").partition("\n")
    if not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", heading):
        yield f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`."
    elif "- " not in entries:
        yield f"CHANGELOG.md says nothing about {version}."
    if sections.get("Unreleased", "").strip():
        yield f"CHANGELOG.md has entries under Unreleased: move them to {version}."


def of_links(project: dict[str, object], readme: str) -> Iterator[str]:
    """PyPI shows the README without the files beside it."""
    if not project.get("urls"):
        yield "pyproject.toml has no [project.urls]: add the repository, the documentation and the changelog."
    if project.get("readme") == "README.md" and RELATIVE_LINK.search(readme):
        yield "README.md links to files beside it, which PyPI does not have: docs/releasing.md shows the cure."


if __name__ == "__main__":
    main(*sys.argv[1:2] or sys.exit(__doc__))

"""Draw the badges of the README from pyproject.toml: docs/badges/*.svg.

.venv/bin/python scripts/draw_badges.py
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "badges"
PYTHON = "Programming Language :: Python :: 3."
# Both read on a white page and on a dark one.
GREY, BLUE, GREEN = "#4b5563", "#1d4ed8", "#15803d"
CHARACTER, PADDING, HEIGHT = 6.1, 7, 20


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, svg in badges():
        (FOLDER / name).write_text(svg, encoding="utf-8")


def badges() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = pyproject["project"]
    yield "python.svg", badge("Python", pythons(project["classifiers"]), BLUE)
    yield "types.svg", badge("types", checkers(pyproject["tool"]), BLUE)
    yield "license.svg", badge("license", project["license"], GREEN)


def pythons(classifiers: list[str]) -> str:
    minor = sorted(
        int(each.removeprefix(PYTHON)) for each in classifiers if each.startswith(PYTHON)
    )
    return f"3.{minor[0]} to 3.{minor[-1]}"


def checkers(tool: Mapping[str, Any]) -> str:
    """Name the type checkers that run in strict mode."""
    strict = {
        "mypy": tool["mypy"]["strict"],
        "pyright": tool["pyright"]["typeCheckingMode"] == "strict",
    }
    return ", ".join(f"{name} strict" for name, runs in strict.items() if runs)


def badge(label: str, value: str, color: str) -> str:
    left, right = (len(text) * CHARACTER + 2 * PADDING for text in (label, value))
    text = 'y="14" text-anchor="middle" textLength="{:.0f}" lengthAdjust="spacingAndGlyphs"'
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{left + right:.0f}" height="{HEIGHT}" role="img" aria-label="{label}: {value}">
<title>{label}: {value}</title>
<clipPath id="round"><rect width="{left + right:.0f}" height="{HEIGHT}" rx="3"/></clipPath>
<g clip-path="url(#round)"><rect width="{left:.1f}" height="{HEIGHT}" fill="{GREY}"/>\
<rect x="{left:.1f}" width="{right:.1f}" height="{HEIGHT}" fill="{color}"/></g>
<g fill="#fff" font-family="Verdana, 'DejaVu Sans', sans-serif" font-size="11">
<text x="{left / 2:.1f}" {text.format(left - 2 * PADDING)}>{label}</text>
<text x="{left + right / 2:.1f}" {text.format(right - 2 * PADDING)}>{value}</text>
</g>
</svg>
"""


if __name__ == "__main__":
    main()

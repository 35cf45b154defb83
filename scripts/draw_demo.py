"""Draw docs/demo.svg, the picture of the README: the terminal as `make demo` fills it in the scene of a fallback.

.venv/bin/python scripts/draw_demo.py [FILE]
"""

from __future__ import annotations

import re
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from portkey_mistral.demo.scenes import fallback
from portkey_mistral.demo.stage import SANDBOX, Stage

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "demo.svg"
TITLE = "make demo: a call whose first target fails"
# It reads on a white page, and on a black one, where rich's frame sets it off.
THEME = TerminalTheme(
    background=(23, 27, 38),
    foreground=(226, 232, 240),
    # Black, red, green, yellow, blue, magenta, cyan, white.
    normal=[
        (30, 41, 59),
        (248, 113, 113),
        (74, 222, 128),
        (250, 204, 21),
        (96, 165, 250),
        (192, 132, 252),
        (34, 211, 238),
        (226, 232, 240),
    ],
)
FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main(path: Path) -> None:
    path.write_text(picture(), encoding="utf-8")


def picture() -> str:
    console = Console(
        width=84, record=True, file=StringIO(), force_terminal=True, color_system="truecolor"
    )
    # The first call of a process imports what it needs.
    fallback.play(Stage(Console(file=StringIO()), SANDBOX))
    fallback.play(Stage(console, SANDBOX))
    svg = console.export_svg(title=TITLE, theme=THEME, unique_id="demo")
    # GitHub shows no fonts of other hosts, and this project's pages load none.
    return FONTS.sub("", svg).replace("Fira Code, monospace", FONT)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE)

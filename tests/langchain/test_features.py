"""The table of features names tests that exist, so that no "yes" stands there without one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "langchain" / "features.md"
ROW = re.compile(r"^\| .* \| (\S+\.py)(?:::(\w+))? \|$", re.MULTILINE)
LINES = [
    line for line in PAGE.read_text(encoding="utf-8").splitlines() if ".py" in line and "|" in line
]


def test_every_row_names_its_test() -> None:
    assert len(LINES) == 71 + 12
    assert all(ROW.fullmatch(line) for line in LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.split("|")[1].strip())
def test_the_named_test_exists(line: str) -> None:
    file, name = ROW.findall(line)[0]
    source = (HERE / file).resolve().read_text(encoding="utf-8")
    assert re.search(rf"^(async )?(def|class) {name}\b", source, re.MULTILINE) if name else source

"""Every row of the feature tables, and of the page on security, names a test, and that test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| .* \| (\S+\.py)(?:::(\w+))? \|$")


@pytest.mark.parametrize(
    ("page", "folder", "number"),
    [
        ("langchain/features.md", "langchain", 71 + 12),
        ("llamaindex/features.md", "llamaindex", 40),
        ("security.md", "", 17),
    ],
)
def test_every_row_names_a_test_that_exists(page: str, folder: str, number: int) -> None:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|") and ".py" in line]
    assert len(rows) == number
    for row in rows:
        match = ROW.fullmatch(row)
        assert match is not None, row
        file, name = match.groups()
        source = (ROOT / "tests" / folder / file).resolve().read_text(encoding="utf-8")
        assert not name or re.search(rf"^(async )?(def|class) {name}\b", source, re.MULTILINE), row

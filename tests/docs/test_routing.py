"""The page on routing: its snippets run, and its table of differences is the one that is tested."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "routing.md").read_text()
TESTS = (ROOT / "tests" / "gateway" / "proof" / "test_differences.py").read_text()
_, _, _after = PAGE.partition("## Where it differs")
DIFFERENCES = re.findall(
    r"^\| ([a-z]+-[a-z]+|redirects) \|", _after.partition("\n## ")[0], re.MULTILINE
)
TESTED = re.findall(r"^def test_difference_(\w+)", TESTS, re.MULTILINE)


def test_snippets_run(mistral_sandbox: object, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        exec(snippet, names)
    output = capsys.readouterr().out
    assert "('config.targets[1]', 200)" in output
    assert "1,000 requests simulated" in output
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert diagram in output


def test_the_table_has_rows() -> None:
    assert len(DIFFERENCES) == 11


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_has_a_test_of_its_name(name: str) -> None:
    assert any(test.startswith(name.replace("-", "_")) for test in TESTED)


def test_no_other_difference_is_tested() -> None:
    known = tuple(name.replace("-", "_") for name in DIFFERENCES)
    assert [test for test in TESTED if not test.startswith(known)] == []

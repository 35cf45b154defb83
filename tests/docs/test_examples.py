"""The sample project runs as its user would run it, and its tests notice when the application changes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "examples" / "testing-an-app"
GUIDE = (ROOT / "docs" / "guides" / "testing.md").read_text(encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy, so that nothing is written into the repository."""
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache")
    return Path(shutil.copytree(SAMPLE, tmp_path / "project", ignore=ignored))


def run_tests(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the project's own configuration."""
    # Keys of the machine, which the option of the project has to keep out.
    keys = {"MISTRAL_API_KEY": "sk-real", "PORTKEY_API_KEY": "pk-real"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *options],
        cwd=project,
        env={**os.environ, **keys},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.full
def test_it_passes(project: Path) -> None:
    done = run_tests(project, "-m", "not portkey")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout


@pytest.mark.full
@pytest.mark.gateway
def test_it_passes_with_portkey(project: Path) -> None:
    done = run_tests(project, "-m", "portkey")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
@pytest.mark.parametrize(
    ("file", "before", "after", "noticed"),
    [
        ("orders.py", "max_retries=2", "max_retries=0", "a_full_server_is_called_again"),
        ("orders.py", "except APIError:", "except ZeroDivisionError:", "customers_read_an_apology"),
        ("orders.py", "in one sentence", "at length", "the_requests_are_as_reviewed"),
        ("orders.py", "*results", "*results[1:]", "an_order_is_looked_up"),
        ("orders.py", "except StreamInterruptedError", "except KeyError", "a_broken_stream"),
        ("handbook.py", "within 30 days", "within a week", "the_handbook_is_searched"),
        ("__main__.py", "orders.answer", "str", "the_program_prints_the_answer"),
    ],
)
def test_a_change_of_the_application_fails_a_test(
    project: Path, file: str, before: str, after: str, noticed: str
) -> None:
    changed = project / "helpdesk" / file
    text = changed.read_text(encoding="utf-8")
    assert before in text
    changed.write_text(text.replace(before, after), encoding="utf-8")
    done = run_tests(project, "-k", noticed)
    assert done.returncode == 1, done.stdout + done.stderr


def test_the_snippets_of_the_guide_are_those_of_the_project() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SAMPLE.rglob("*.py"))
    snippets = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    tests = [snippet for snippet in snippets if "def test_" in snippet]
    assert len(tests) > 5
    assert [snippet for snippet in tests if snippet not in sources] == []


def test_every_file_is_in_its_readme() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    tests = sorted(path.name for path in (SAMPLE / "tests").glob("*.py"))
    assert sorted(re.findall(r"`tests/(\w+\.py)`", readme)) == tests

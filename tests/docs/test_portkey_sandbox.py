"""The page on the stand-in of hosted Portkey: its file is one, and its test passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from portkey_mistral.sandbox.portkey import load
from portkey_mistral.sandbox.portkey.definition import Account

PAGE = (Path(__file__).parents[2] / "docs" / "portkey-sandbox.md").read_text()


def block(language: str) -> str:
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "portkey.yaml").write_text(block("yaml"))
    (tmp_path / "test_it.py").write_text(block("python"))
    return tmp_path


def test_the_file_can_be_read(project: Path) -> None:
    account = load(project / "portkey.yaml")
    assert account.unsupported_settings() == []
    assert account.organisation.block_inline_config


def test_every_section_of_a_file_is_named() -> None:
    table = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert table == set(Account.model_fields)


@pytest.mark.full
@pytest.mark.gateway
def test_its_test_passes(project: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout

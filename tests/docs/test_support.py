"""The page on support names the versions that pyproject.toml allows and the tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interpreters import PYPROJECT, SUPPORTED
from portkey_mistral.sandbox.portkey.gateway import VERSION

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/support.md").read_text(encoding="utf-8")
PROJECT = PYPROJECT["project"]
REQUIREMENTS = [
    *PROJECT["dependencies"],
    *(each for extra in PROJECT["optional-dependencies"].values() for each in extra),
]


def floor(package):
    (requirement,) = {each for each in REQUIREMENTS if re.match(rf"{package}[>=]", each)}
    return re.search(r">=([\d.]+)", requirement)[1]


def versions(row):
    return re.search(rf"^\| [^|]*{row}[^|]*\| (.*) \|$", PAGE, re.MULTILINE)[1]


def test_the_pythons():
    assert versions("Python") == ", ".join(SUPPORTED)


@pytest.mark.parametrize("package", ["langchain-core", "llama-index-core", "pydantic"])
def test_the_lowest_version_of_each_package(package):
    assert versions(package).endswith(f", from {floor(package)}")


def test_the_gateway():
    assert versions("gateway").endswith(VERSION)

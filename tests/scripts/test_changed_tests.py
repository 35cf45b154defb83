"""What `make test-fast` runs."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("changed_tests", ROOT / "scripts/changed_tests.py")
assert spec is not None
assert spec.loader is not None
changed_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(changed_tests)


@pytest.mark.parametrize(
    ("changed", "tests"),
    [
        ("shared/portkey_mistral/_wire/gateway_lane.py", ["tests/wire/test_gateway_lane.py"]),
        ("shared/portkey_mistral/_wire/__init__.py", ["tests/wire"]),
        ("shared/portkey_mistral/settings/mode.py", ["tests/core/settings/test_mode.py"]),
        ("shared/portkey_mistral/models.py", ["tests/core/test_models.py"]),
        ("langchain_portkey_mistral/_tools.py", ["tests/langchain/test_tools.py"]),
        ("README.md", ["tests/docs/test_readme.py"]),
        ("scripts/list_licenses.py", ["tests/packaging/test_licenses.py"]),
        (".github/workflows/publish.yml", ["tests/packaging/test_publishing.py"]),
        ("tests/cli/test_app.py", ["tests/cli/test_app.py"]),
        ("tests/llamaindex/conftest.py", ["tests/llamaindex"]),
        ("tests/support/portkey_sdk.py", ["tests/core/settings/test_headers_as_arguments.py"]),
        ("LICENSE", []),
    ],
)
def test_a_changed_file_selects_the_tests_that_mirror_it(changed: str, tests: list[str]) -> None:
    assert [*changed_tests.tests_of(changed)] == tests


def test_every_folder_of_sources_has_tests_that_mirror_it() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for file in listed.stdout.splitlines():
        if not file.startswith("tests/") and "/" in file:
            assert [*changed_tests.tests_of(file)], file


def test_a_layer_is_a_folder_of_tests() -> None:
    assert changed_tests.tests_of_layer("wire") == ["tests/wire"]
    assert changed_tests.tests_of_layer("state") == ["tests/core/state"]
    with pytest.raises(SystemExit, match=r"no layer 'wirre'; use one of .*\bwire\b"):
        changed_tests.tests_of_layer("wirre")


def test_files_are_left_out_where_their_folder_is_run() -> None:
    paths = ["tests/wire/test_gateway_lane.py", "tests/wire", "tests/cli", "tests/cli"]
    assert changed_tests.reduced(paths) == ["tests/cli", "tests/wire"]

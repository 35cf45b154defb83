"""The wheel and the source distribution, built once, and environments that hold the wheel with one choice of extras."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

from building import ROOT, build, run


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def wheel(built: dict[str, Path]) -> Path:
    return built["whl"]


@pytest.fixture(scope="session")
def sdist(built: dict[str, Path]) -> Path:
    return built["tar.gz"]


@pytest.fixture(scope="session")
def python_with(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Install the wheel with some extras into an environment of its own and run code in it."""
    made: dict[tuple[str, str], Path] = {}

    def environment(extras: str, base: str) -> Path:
        key = (base, extras)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("env") / "venv"
            run(uv.find_uv_bin(), "venv", "-q", "-p", base, made[key], cwd=ROOT)
            python = made[key] / "bin" / "python"
            what = f"portkey-mistral{extras} @ {wheel.as_uri()}"
            run(uv.find_uv_bin(), "pip", "install", "-q", "-p", python, what, cwd=ROOT)
        return made[key] / "bin" / "python"

    def execute(extras: str, code: str, python: str = sys.executable) -> str:
        return _execute(environment(extras, python), code, tmp_path_factory.mktemp("cwd"))

    return execute


@pytest.fixture
def pip_installs(wheel: Path, tmp_path: Path) -> Callable[[str, str, str], str]:
    """Install the wheel with pip into an empty environment and run code in it."""

    def execute(base: str, extras: str, code: str) -> str:
        run(base, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
        python = tmp_path / "venv" / "bin" / "python"
        options = ("--quiet", "--disable-pip-version-check")
        run(python, "-m", "pip", "install", *options, f"{wheel}{extras}", cwd=tmp_path)
        run(python, "-m", "pip", "check", cwd=tmp_path)
        return _execute(python, code, tmp_path)

    return execute


def _execute(python: Path, code: str, cwd: Path) -> str:
    # -I keeps the tree and the machine's environment out; and nothing of ours may warn.
    return run(python, "-I", "-W", "error", "-c", code, cwd=cwd).strip()

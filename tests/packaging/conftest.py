"""The wheel, built once, and environments that hold it with one choice of extras each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program and return what it printed; its complaint fails the test."""
    # uv's hard links would be refused by nltk, which opens only files with a single link.
    env = {**os.environ, "UV_LINK_MODE": "copy"}
    env.pop("VIRTUAL_ENV", None)
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def python_with(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Install the wheel with some extras into an environment of its own and run code in it."""
    made: dict[str, Path] = {}

    def environment(extras: str) -> Path:
        if extras not in made:
            made[extras] = tmp_path_factory.mktemp("env") / "venv"
            run(uv.find_uv_bin(), "venv", "-q", "-p", sys.executable, made[extras], cwd=ROOT)
            python = made[extras] / "bin" / "python"
            what = f"portkey-mistral{extras} @ {wheel.as_uri()}"
            run(uv.find_uv_bin(), "pip", "install", "-q", "-p", python, what, cwd=ROOT)
        return made[extras] / "bin" / "python"

    def execute(extras: str, code: str) -> str:
        # -I keeps the tree and the machine's environment out; and nothing of ours may warn.
        cwd = tmp_path_factory.getbasetemp()
        return run(environment(extras), "-I", "-W", "error", "-c", code, cwd=cwd).strip()

    return execute

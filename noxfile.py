"""The matrix of `make test-all`: each Python with the oldest and the newest frameworks that resolve."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
NEWEST = PYTHONS[-1]

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests"]
# A Python that is not there is skipped and listed as skipped; `.ci/run` wants more than one.
nox.options.error_on_missing_interpreters = False


def pyenv_folders() -> list[str]:
    """Folders of the interpreters that pyenv keeps: its shims fail for versions not active."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return [
        str(path) for python in PYTHONS for path in sorted(root.glob(f"versions/{python}.*/bin"))
    ]


os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ.get("PATH", os.defpath)])


@nox.session(python=PYTHONS)
@nox.parametrize("frameworks", ["oldest", "newest"])
def tests(session: nox.Session, frameworks: str) -> None:
    """Run every test; on the newest Python with the newest frameworks, on the wheel."""
    wheel = session.python == NEWEST and frameworks == "newest"
    what = [f"{build(session)}[all]"] if wheel else ["--editable", ".[all]"]
    limits = oldest(session) if frameworks == "oldest" else []
    session.install(*what, "--group", "test", *limits)
    command = ["pytest", "-n", "auto", "--dist", "loadfile", *session.posargs]
    session.run(*command, env={"HYPOTHESIS_PROFILE": "full"})


def build(session: nox.Session) -> Path:
    """Build the wheel, and nothing but the wheel: an older one beside it could be taken for it."""
    folder = Path(session.create_tmp()) / "wheel"
    session.run(
        "uv", "build", "--quiet", "--wheel", "--clear", "--out-dir", str(folder), external=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def oldest(session: nox.Session) -> list[str]:
    """Constrain the package's own dependencies to the lowest versions that it allows."""
    constraints = Path(session.create_tmp()) / "oldest.txt"
    command = ["uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--extra", "all"]
    where = ["--python", str(session.python), "--output-file", str(constraints), "pyproject.toml"]
    session.run(*command, *where, external=True)
    return ["--constraints", str(constraints)]


if __name__ == "__main__":
    sys.exit("Run this by `make test-all`, or `nox`.")

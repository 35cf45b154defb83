"""The matrix of `make test-all`: each Python with the oldest and the newest frameworks that resolve."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13")
NEWEST = PYTHONS[-1]
PARALLEL = ("-n", "auto", "--dist", "loadfile")

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests"]
# A Python that is not there is listed as skipped; where CI is set, nox takes it for a failure.


def pyenv_folders() -> list[str]:
    """Folders of the interpreters that pyenv keeps: its shims fail for versions not active."""
    path = map(Path, os.environ.get("PATH", os.defpath).split(os.pathsep))
    roots = [folder.parent for folder in path if folder.name == "shims"]
    roots.append(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")))
    found = (sorted(root.glob(f"versions/{python}.*/bin")) for root in roots for python in PYTHONS)
    return [str(folder) for folders in found for folder in folders]


# uv's hard links would be refused by nltk, which opens only files with a single link.
os.environ["UV_LINK_MODE"] = "copy"
os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ.get("PATH", os.defpath)])


@nox.session(python=PYTHONS)
@nox.parametrize("frameworks", ["oldest", "newest"])
def tests(session: nox.Session, frameworks: str) -> None:
    """Run the tests; the newest Python with the newest frameworks runs the wheel, in full size."""
    if session.python == NEWEST and frameworks == "newest":
        session.install(f"{build(session)}[all,ray]", "--group", "test")
        full = {"HYPOTHESIS_PROFILE": "full"}
        session.run("pytest", "-m", "not ray", *PARALLEL, *session.posargs, env=full)
        session.run("pytest", "-m", "ray", *session.posargs, env=full)
        return
    limits = oldest(session) if frameworks == "oldest" else []
    session.install("--editable", ".[all]", "--group", "test", *limits)
    session.run("pytest", "-m", "not full", *PARALLEL, *session.posargs)


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

"""What `make test-all` runs: each Python with the oldest and the newest frameworks that resolve, and the documentation."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import which

import nox

# The full run measures coverage, and is comparable only on a Python that every machine has.
NEWEST = "3.13"
PYTHONS: tuple[str, ...] = ("3.11", "3.12", NEWEST)
# Everything resolves to wheels there, but not every machine has it, and where CI is set a missing one is a failure.
NEXT = "3.14"
if which(f"python{NEXT}"):
    PYTHONS = (*PYTHONS, NEXT)
else:
    print(f"Python {NEXT} is not installed: its sessions are left out.", file=sys.stderr)  # noqa: T201
# `make test` is the newest frameworks on its own Python. CI has just run it, and names that Python here.
TESTED = os.environ.get("TESTED_PYTHON")
PARALLEL = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv"
nox.options.sessions = ["tests", "docs"]
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
# Where an image sets it, every process would compile the frameworks again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PATH"] = os.pathsep.join([*pyenv_folders(), os.environ.get("PATH", os.defpath)])


@nox.session(python=PYTHONS)
@nox.parametrize("frameworks", ["oldest", "newest"])
def tests(session: nox.Session, frameworks: str) -> None:
    """Run the tests; the newest Python with the newest frameworks runs the wheel, in full size."""
    if session.python == NEWEST and frameworks == "newest":
        extra = ("--group", "notebooks", "--group", "tracing-tools", "--group", "peers")
        groups = ("--group", "test", *extra)
        session.install(f"{build(session)}[all,ray]", *groups)
        # sys.monitoring makes coverage free, but knows lines only (branches from Python 3.14 on).
        full = {"HYPOTHESIS_PROFILE": "full", "COVERAGE_CORE": "sysmon"}
        measured = ("coverage", "run", "-m", "pytest")
        session.run("coverage", "erase")
        session.run(*measured, "-m", "not ray and not types", *PARALLEL, *session.posargs, env=full)
        session.run(*measured, "-m", "ray", *session.posargs, env=full)
        session.run("coverage", "combine", "--quiet")
        session.run("coverage", "report")
        return
    if session.python == TESTED and frameworks == "newest":
        session.skip("`make test` has run these tests")
    limits = oldest(session) if frameworks == "oldest" else []
    session.install("--editable", ".[all]", "--group", "test", *limits)
    # The tracing tools and the peers need the newest frameworks, and are the same on every Python.
    marks = "not full and not tracing_tools and not peers and not types"
    session.run("pytest", "-m", marks, *PARALLEL, *session.posargs)


@nox.session(python=NEWEST)
def docs(session: nox.Session) -> None:
    """Build the documentation, and read it in headless Chromium; a dead link anywhere is an error."""
    session.install("--editable", ".[all]", "--group", "docs", "--group", "browser")
    if any(map(which, ("chromium", "chromium-browser", "google-chrome"))) or "CI" in os.environ:
        session.run("pytest", "-c", "tests/site/pytest.ini", "tests/site", *session.posargs)
        return
    session.warn("Chromium is not installed: the documentation is only built.")
    site = Path(session.create_tmp()) / "site"
    session.run("mkdocs", "build", "--strict", "--site-dir", str(site))


def build(session: nox.Session) -> Path:
    """Build the wheel, and nothing but the wheel: an older one beside it could be taken for it."""
    folder = Path(session.create_tmp()) / "wheel"
    session.run_install(
        "uv", "build", "--quiet", "--wheel", "--clear", "--out-dir", str(folder), external=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def oldest(session: nox.Session) -> list[str]:
    """Constrain the package's own dependencies to the lowest versions that it allows."""
    constraints = Path(session.create_tmp()) / "oldest.txt"
    command = ["uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--extra", "all"]
    where = ["--python", str(session.python), "--output-file", str(constraints), "pyproject.toml"]
    session.run_install(*command, *where, external=True)
    return ["--constraints", str(constraints)]


if __name__ == "__main__":
    sys.exit("Run this by `make test-all`, or `nox`.")

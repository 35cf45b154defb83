"""The Pythons of this machine, of those that the package supports."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path

PYPROJECT = tomllib.loads(
    (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
)
_PREFIX = "Programming Language :: Python :: 3."
SUPPORTED = tuple(
    f"3.{classifier.removeprefix(_PREFIX)}"
    for classifier in PYPROJECT["project"]["classifiers"]
    if classifier.startswith(_PREFIX)
)

NEXT = "3.14"
"""The Python that is tested where it is installed; until then no classifier names it."""


@cache
def interpreter(version: str) -> str | None:
    """Return the path of a Python such as "3.12", or None where the machine has none.

    nox puts the interpreters of pyenv on PATH. A candidate has to run: the shims of version managers fail for versions
    that are not active.
    """
    roots = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))]
    pyenv = [
        str(path)
        for root in roots
        for path in root.glob(f"versions/{version}.*/bin/python{version}")
    ]
    for candidate in (shutil.which(f"python{version}"), *pyenv):
        if candidate and _runs(candidate, version):
            return candidate
    return None


def _runs(candidate: str, version: str) -> bool:
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')"
    done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version

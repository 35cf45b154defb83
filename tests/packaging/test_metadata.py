"""What PyPI shows of the distributions, and what must not be in them."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from building import ROOT, run
from interpreters import NEXT, PYPROJECT, SUPPORTED

# The forms of keys of Mistral, Portkey, OpenAI, AWS, GitHub, Hugging Face and PyPI, and of private keys.
SECRETS = re.compile(
    rb"sk-[A-Za-z0-9]{20,}|AKIA[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,}|hf_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{40,}"
    rb"|BEGIN [A-Z ]*PRIVATE KEY"
)
NOXFILE = (ROOT / "noxfile.py").read_text(encoding="utf-8")


def wheel_files(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sdist_files(sdist):
    with tarfile.open(sdist) as archive:
        return {
            member.name: archive.extractfile(member).read()
            for member in archive.getmembers()
            if member.isfile()
        }


@pytest.fixture(scope="module", params=["whl", "tar.gz"])
def files(built, request):
    read = wheel_files if request.param == "whl" else sdist_files
    return read(built[request.param])


@pytest.fixture(scope="module")
def metadata(wheel):
    files = wheel_files(wheel)
    (name,) = (name for name in files if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(files[name])


def test_pypi_would_take_the_distributions(built):
    run(sys.executable, "-m", "twine", "check", "--strict", *built.values(), cwd=ROOT)


def test_the_metadata_names_the_licence_and_holds_its_text(metadata, wheel):
    assert metadata["License-Expression"] == "MIT"
    (name,) = (name for name in wheel_files(wheel) if name.endswith("/licenses/LICENSE"))
    assert wheel_files(wheel)[name] == (ROOT / "LICENSE").read_bytes()


def test_the_classifiers_name_the_pythons_that_are_tested(metadata):
    assert metadata["Requires-Python"] == f">={SUPPORTED[0]}"
    assert "Typing :: Typed" in metadata.get_all("Classifier")
    assert {*SUPPORTED, NEXT} == set(re.findall(r'"(3\.\d+)"', NOXFILE))


def test_no_address_is_invented(metadata):
    """There is no public repository: a release adds its URLs (docs/releasing.md)."""
    assert metadata.get_all("Project-URL") is None
    assert "pypi.org/project/portkey-mistral" not in metadata.get_payload()


def test_no_distribution_has_a_secret_or_a_path_of_the_machine(files):
    private = [str(path).encode() for path in (ROOT, Path.home()) if len(path.parts) > 1]
    found = {
        name: hit
        for name, data in files.items()
        for hit in [*SECRETS.findall(data), *(path for path in private if path + b"/" in data)]
    }
    assert found == {}


def test_no_distribution_has_an_editors_or_a_tools_file(files):
    junk = re.compile(
        r"\.pyc$|__pycache__|\.DS_Store|\.ipynb_checkpoints|\.env$|\.swp$|/\.venv/|/\.git/"
    )
    assert [name for name in files if junk.search(name)] == []


def test_the_source_distribution_has_every_tracked_file_but_the_editors(sdist):
    """Who packages it again runs the tests."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("These sources are not in a git repository.")
    packed = {name.partition("/")[2] for name in sdist_files(sdist)}
    assert set(listed.stdout.splitlines()) - packed - {".editorconfig"} == set()


def test_the_module_is_the_command(python_with):
    code = (
        "import runpy, sys\nsys.argv = ['portkey-mistral', '--version']\n"
        "try: runpy.run_module('portkey_mistral', run_name='__main__')\n"
        "except SystemExit as exit: print(exit.code or '')"
    )
    assert 'pip install "portkey-mistral[cli]"' in python_with("", code)
    command = [sys.executable, "-m", "portkey_mistral", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert PYPROJECT["project"]["version"] in done.stdout

"""What the package installs may be installed: the licence of every dependency is known, listed and allowed."""

from __future__ import annotations

import importlib.util
import re
from importlib.metadata import distribution

import pytest
import uv

from building import ROOT, run
from interpreters import PYPROJECT, interpreter

PAGE = (ROOT / "docs" / "licenses.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "scripts" / "list_licenses.py"
EXTRAS = tuple(PYPROJECT["project"]["optional-dependencies"])
HEAD = "| package | licence | extras |\n"
ROW = re.compile(r"^\| ([\w.-]+) \| (.+?) \| (.+?) \|$", re.MULTILINE)

# Permissive, but for MPL 2.0, whose terms end at the files of that package.
ALLOWED = {
    "0BSD",
    "AFL-2.1",
    "Apache-2.0",
    "BSD",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-CMU",
    "MPL-2.0",
    "PSF-2.0",
    "Zlib",
}
EXCEPTIONS = {"pycountry": "LGPL-2.1-only"}


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("list_licenses", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed():
    _, _, table = PAGE.partition(HEAD)
    return {name: (expression, extras) for name, expression, extras in ROW.findall(table)}


def forbidden(name, names):
    """The licences that no rule allows for this package."""
    return names - ALLOWED - {EXCEPTIONS.get(name)}


def test_every_listed_licence_is_allowed(script):
    assert len(listed()) > 100
    found = {name: forbidden(name, script.names_in(text)) for name, (text, _) in listed().items()}
    assert {name: names for name, names in found.items() if names} == {}


def test_every_licence_installed_here_is_allowed_and_its_package_listed(script):
    here = {name: script.license_of(distribution(name)) for name in script.installed_by_extra()}
    assert {"aiohttp", "langchain-core", "llama-index-core", "rich"} <= here.keys()
    found = {name: forbidden(name, script.names_in(text)) for name, text in here.items()}
    assert {name: names for name, names in found.items() if names} == {}
    named = {name for name, _, _ in ROW.findall(PAGE)}  # older versions bring more
    assert sorted(here.keys() - named) == []


def test_every_exception_is_explained_and_needed():
    rule, _, _ = PAGE.partition(HEAD)
    assert [name for name in EXCEPTIONS if f"| {name} |" not in rule] == []
    assert EXCEPTIONS.keys() <= listed().keys()


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("MIT", {"MIT"}),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", {"MPL-2.0", "Apache-2.0", "MIT"}),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
    ],
)
def test_the_names_of_an_expression(script, expression, names):
    assert script.names_in(expression) == names


@pytest.mark.parametrize(
    "expression", ["GPL-3.0-only", "MIT AND AGPL-3.0", "not stated", "LGPL-2.1-only"]
)
def test_other_licences_are_not_allowed(script, expression):
    assert forbidden("somepackage", script.names_in(expression))


@pytest.mark.full
@pytest.mark.timeout(600)
def test_the_page_lists_what_is_installed(python_with):
    newest = interpreter("3.13")
    if newest is None:
        pytest.skip("The table is of Python 3.13, which is not installed.")
    code = f"import runpy; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    assert PAGE.endswith(
        HEAD + python_with(f"[{','.join(EXTRAS)}]", code, python=newest).partition(HEAD)[2] + "\n"
    )


@pytest.mark.full
@pytest.mark.parametrize("platform", ["windows", "macos", "linux"])
def test_the_packages_are_the_same_on_every_system(platform):
    options = (*(f"--extra={extra}" for extra in EXTRAS), "--no-annotate", "--no-header")
    where = ("--python-platform", platform, "--python-version", "3.13")
    compile_ = (uv.find_uv_bin(), "pip", "compile", "--quiet", *where, *options, "pyproject.toml")
    resolved = {line.partition("==")[0] for line in run(*compile_, cwd=ROOT).splitlines()}
    assert resolved == listed().keys()

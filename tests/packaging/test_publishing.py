"""The workflow that publishes a version, and the check that comes before it."""

from __future__ import annotations

import importlib.util
import re

import pytest
import yaml

from building import ROOT
from interpreters import PYPROJECT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8"))
JOBS = WORKFLOW["jobs"]
CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.2.0] - 2026-12-01

### Added

- A thing.

## [1.1.0] - unreleased
"""


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location(
        "check_release", ROOT / "scripts/check_release.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(job):
    return "\n".join(step.get("run", "") for step in JOBS[job]["steps"])


def test_the_workflow_stores_no_password_and_only_the_upload_may_sign_in():
    text = (ROOT / ".github/workflows/publish.yml").read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "password" not in JOBS["publish"]["steps"][-1].get("with", {})
    assert WORKFLOW["permissions"] == {"contents": "read"}
    signing = [name for name, job in JOBS.items() if "id-token" in job.get("permissions", {})]
    assert signing == ["publish"]
    assert JOBS["publish"]["environment"] == "pypi"


def test_the_workflow_uploads_only_what_was_checked_and_built():
    """`on:` is true in YAML 1.1."""
    assert WORKFLOW[True] == {"push": {"tags": ["v*"]}}
    assert JOBS["publish"]["needs"] == "build"
    uses = [step["uses"].partition("@")[0] for step in JOBS["publish"]["steps"]]
    assert uses == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    order = ["check_release.py", "make check test", "make build", "sha256sum"]
    found = commands("build")
    assert [found.index(part) for part in order] == sorted(found.index(part) for part in order)


def test_every_program_of_the_workflow_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [
        name
        for line in re.findall(r"^make (.+)$", commands("build"), re.MULTILINE)
        for name in line.split()
    ]
    assert targets == ["setup", "check", "test", "build"]
    assert [name for name in targets if f"\n{name}: " not in makefile] == []
    assert [
        name
        for name in re.findall(r"scripts/\S+\.py", commands("build"))
        if not (ROOT / name).is_file()
    ] == []


def test_the_page_names_what_the_workflow_and_the_publisher_share():
    page = (ROOT / "docs/releasing.md").read_text(encoding="utf-8")
    for shared in ("`publish.yml`", f"environment `{JOBS['publish']['environment']}`", "`v*`"):
        assert shared in page


@pytest.mark.parametrize(
    ("tag", "version", "missing"),
    [("v1.2.0", "1.2.0", 0), ("1.2.0", "1.2.0", 1), ("v1.2.1", "1.2.0", 1)],
)
def test_the_tag_is_the_version(check, tag, version, missing):
    assert len(list(check.of_version(tag, version))) == missing


@pytest.mark.parametrize(
    ("changelog", "version", "expected"),
    [
        (CHANGELOG, "1.2.0", None),
        (CHANGELOG, "1.1.0", "no heading"),
        (CHANGELOG, "1.0.0", "no heading"),
        (CHANGELOG.replace("- A thing.", ""), "1.2.0", "says nothing"),
        (
            CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Another.\n"),
            "1.2.0",
            "under Unreleased",
        ),
    ],
)
def test_the_changelog_has_the_version(check, changelog, version, expected):
    found = list(check.of_changelog(changelog, version))
    assert found == [] if expected is None else [text for text in found if expected in text] != []


@pytest.mark.parametrize(
    ("project", "readme", "expected"),
    [
        (
            {"urls": {"Repository": "https://example.org"}, "readme": "README.md"},
            "[a](https://b.c) [d](#e)",
            None,
        ),
        (
            {"urls": {"Repository": "https://example.org"}, "readme": "README.md"},
            "[a](docs/b.md)",
            "beside it",
        ),
        ({"urls": {"Repository": "https://example.org"}}, "[a](docs/b.md)", None),
        ({}, "", "no [project.urls]"),
    ],
)
def test_pypi_gets_links_that_lead_somewhere(check, project, readme, expected):
    found = list(check.of_links(project, readme))
    assert found == [] if expected is None else expected in found[0]


def test_this_changelog_has_this_version(check):
    """Entries under Unreleased are those of the next version."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = list(check.of_changelog(changelog, PYPROJECT["project"]["version"]))
    assert [text for text in found if "under Unreleased" not in text] == []


def test_the_script_checks_the_files_of_the_project(check, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "README.md").write_text("# A package\n")
    project = '[project]\nversion = "1.2.0"\nreadme = "README.md"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    with pytest.raises(SystemExit, match=r"tag v1.2.0\.\n.*no \[project.urls\]"):
        check.main("v1.3.0")
    (tmp_path / "pyproject.toml").write_text(f'{project}urls.Repository = "https://example.org"\n')
    check.main("v1.2.0")
    assert "can be published" in capsys.readouterr().out

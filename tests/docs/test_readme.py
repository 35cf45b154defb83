"""The README is true: its snippets run, its links and pictures lead somewhere, and its tables are what was measured."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
OUR_VARIABLES = ("MISTRAL_", "PORTKEY_", "PYTHON")


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def snippets():
    """Return the snippets by section, each moved to its line so that a traceback points into the README."""
    return {
        HEADING.findall(TEXT, 0, found.start())[-1]: "\n" * TEXT.count("\n", 0, found.start(1))
        + found[1]
        for found in FENCE.finditer(TEXT)
    }


def row(name):
    """The cells of a row of a table."""
    (line,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", TEXT, re.MULTILINE)
    return [cell.strip() for cell in line.split(" | ")]


@pytest.mark.parametrize("title", snippets())
def test_each_snippet_runs_alone(title, tmp_path):
    """In a process of its own, without keys."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
    done = subprocess.run(
        [sys.executable, "-c", snippets()[title]],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_is_a_snippet_for_each_framework_and_for_a_route():
    assert list(snippets()) == ["LangChain", "LlamaIndex", "A route"]
    assert len(FENCE.findall(TEXT)) == 3


def test_the_readme_opens_with_what_it_is_and_the_two_commands():
    before_sections = TEXT.partition("\n## ")[0]
    assert MAKE.findall(before_sections) == ["demo", "test"]
    assert TEXT[: TEXT.index("make demo")].count("\n") < 12


@pytest.mark.parametrize("target", sorted(set(MAKE.findall(TEXT))))
def test_every_make_target_in_the_readme_exists(target):
    subprocess.run(["make", "--dry-run", target], cwd=ROOT, check=True, capture_output=True)


def test_every_link_and_every_picture_is_there():
    links = LINK.findall(TEXT)
    assert len(links) > 30
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_every_guide_of_the_documentation_is_linked():
    linked = set(LINK.findall(TEXT))
    left_out = {"deployment", "fallback", "proxies", "self-hosted-gateway"}  # the index has them
    guides = {path.stem: f"docs/guides/{path.name}" for path in (ROOT / "docs/guides").glob("*.md")}
    assert {stem for stem, path in guides.items() if path not in linked} <= left_out


def test_nothing_promises_a_release_that_is_not_there():
    """docs/releasing.md has the step that changes this."""
    assert "pypi.org" not in TEXT
    assert re.search(r"pip install .?portkey-mistral", TEXT) is None


def test_the_badges_say_what_pyproject_says():
    for name, svg in script("draw_badges").badges():
        assert f"(docs/badges/{name})" in TEXT
        assert (ROOT / "docs/badges" / name).read_text(encoding="utf-8") == svg, (
            "run scripts/draw_badges.py"
        )


def test_the_picture_shows_what_the_demo_prints():
    assert "(docs/demo.svg)" in TEXT
    drawn = shown((ROOT / "docs/demo.svg").read_text(encoding="utf-8"))
    assert "config.targets[0] mistral-large-latest 503" in drawn
    assert drawn == shown(script("draw_demo").picture()), "run scripts/draw_demo.py"


def shown(svg):
    """Return the text of a picture, without how long the attempts took."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg)
    words = " ".join(unescape(text).replace("\xa0", " ") for text in texts).split()
    return re.sub(r"\b(200|503) \d+", r"\1", " ".join(words))


@pytest.mark.full
def test_the_table_says_what_we_do_when_something_goes_wrong():
    compare = script("compare_peers")
    head, *rows = compare.table(compare.OURS)
    assert len(head) == 1 + len(compare.OURS)
    for name, *ours in rows:
        assert {row(name)[0]} == set(ours), name


def test_each_table_has_a_cell_for_each_package():
    compare = script("compare_peers")
    assert {len(row(name)) for name in compare.ROWS} == {6}

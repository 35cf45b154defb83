"""The page on the command line: its commands run, one after the other, in a folder with its files."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from command_line import command, typed
from portkey_mistral.cli.app import app
from portkey_mistral.demo.pdf import make_pdf
from portkey_mistral.sandbox import Sandbox

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
FILES = re.findall(r'^```\w+ title="([\w.]+)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = "".join(re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))


def run_in_shell(line: str) -> int:
    """Run a line of a shell: one command, with `cat FILE |` before it and `> FILE` after it if they are there."""
    words = shlex.split(line, comments=True)
    source, words = (words[1], words[3:]) if words[0] == "cat" else (None, words)
    assert words[0] == "portkey-mistral", line
    target = None
    if ">" in words:
        *words, _, target = words
    # With nothing piped to it, standard input is a terminal.
    stdin = typed("Hello!") if source is None else Path(source).read_text(encoding="utf-8")
    done = command(*words[1:], stdin=stdin)
    if target is not None:
        Path(target).write_text(done.out, encoding="utf-8")
    assert done.out or done.err, line
    return done.status


def test_every_command_of_the_page_works(
    mistral_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    monkeypatch.chdir(tmp_path)
    Path("report.md").write_text("# Report\n\nSales rose by 4 %.\n")
    Path("lines.txt").write_text("One.\nTwo.\n")
    Path("questions.csv").write_text("id,question\n1,What is new?\n")
    Path("prompts.txt").write_text("Say exactly: yes\n")
    Path("scans").mkdir()
    for pdf in ("invoice.pdf", "scans/1.pdf"):
        Path(pdf).write_bytes(make_pdf([["Invoice 17"]]))
    Path("docs").mkdir()
    Path("docs", "page.md").write_text("# A page\n\nIts text.\n")
    for name, text in FILES:
        Path(name).write_text(text)
    statuses = {line: run_in_shell(line) for line in COMMANDS.splitlines()}
    assert len(statuses) > 4
    assert set(statuses.values()) == {0}


def test_every_command_is_in_the_table() -> None:
    named = [
        name
        for row in re.findall(r"^\| \[?(`[^|]+?) \|", PAGE, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    ]
    commands = [each.name or each.callback.__name__ for each in app.registered_commands]
    groups = [each.name for each in app.registered_groups]
    assert sorted(named) == sorted(map(str, [*commands, *groups]))

"""`make demo`: every scene runs on the sandbox, without a terminal, in 80 columns."""

from __future__ import annotations

import importlib
import io
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from portkey_mistral.demo import programme
from portkey_mistral.demo import scenes as played
from portkey_mistral.demo.programme import NEXT, installed, scenes
from portkey_mistral.demo.stage import SANDBOX, body_of, connection

SCENES = scenes(installed)
WITHOUT = {
    "langchain": "langchain_core",
    "llamaindex": "llama_index",
}


def play(*missing: str, cwd: Path | None = None) -> str:
    """Run the demo where these modules are not installed, and return what it shows."""
    hidden = "".join(f"sys.modules[{name!r}] = None; " for name in missing)
    keys = ("MISTRAL_", "PORTKEY_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(keys)}
    environment |= {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; {hidden}from portkey_mistral.demo import main; sys.exit(main())",
        ],
        env=environment,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    return result.stdout


@pytest.fixture(scope="module")
def output() -> str:
    return play()


def scene(output: str, number: int) -> str:
    """Return what was shown between the title of one scene and that of the next."""
    after = output.partition(f"{number}  {SCENES[number - 1].title}")[2]
    following = SCENES[number].title if number < len(SCENES) else "Where to go next"
    return after.partition(following)[0]


def test_it_fits_in_80_columns_and_needs_no_terminal(output: str) -> None:
    assert max(len(line) for line in output.splitlines()) <= 80
    assert "\x1b" not in output


@pytest.mark.parametrize("module", [each.name for each in pkgutil.iter_modules(played.__path__)])
def test_no_line_of_the_code_is_cut(module: str) -> None:
    """The demo indents the code by two columns."""
    scene = importlib.import_module(f"{played.__name__}.{module}")
    for line in body_of(scene.answer).splitlines():
        assert len(line) <= 78, line


def test_it_names_its_mode_and_the_next_steps(output: str) -> None:
    assert "sandbox" in output.partition(SCENES[0].title)[0]
    for name, _ in NEXT:
        assert name in output


def test_its_command_is_named_as_it_can_be_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "portkey-mistral").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert ".venv/bin/portkey-mistral route FILE" in closing()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert f"{folder}/portkey-mistral doctor" in closing()
    monkeypatch.setenv("PATH", str(folder))
    assert ".venv" not in closing()
    assert "notebooks/" not in closing()
    (elsewhere / "notebooks").mkdir()
    assert "notebooks/" in closing()


def closing() -> str:
    console = Console(width=300, file=io.StringIO())
    console.print(programme._closing(1.0, 0, 8))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("number", [1, 2])
def test_the_question_is_answered_from_the_right_page(output: str, number: int) -> None:
    shown = " ".join(scene(output, number).replace("│", " ").split())
    assert "Which model completes code, and what does it cost?" in shown
    answer = shown.partition("answer")[2]
    assert "codestral-latest" in answer
    assert "$0.30" in answer
    assert "$0.90" in answer
    assert "codestral-2508.md" in answer


def test_the_agent_calls_both_tools(output: str) -> None:
    shown = scene(output, 3)
    assert "window(model='codestral-latest') -> 131,072 tokens" in shown
    assert "price(model='codestral-latest') -> $0.30 for input" in shown
    answer = shown.partition("answer")[2]
    assert "131,072" in answer
    assert "0.3" in answer


def test_the_object_is_filled(output: str) -> None:
    shown = scene(output, 4)
    for fact in ("context_window=131072", "input_price=0.3", "output_price=0.9"):
        assert fact in shown


def test_the_answer_is_streamed(output: str) -> None:
    pieces = scene(output, 5).partition("stream  ")[2].split()[0]
    assert int(pieces) > 5


def test_code_is_completed_between_its_ends(output: str) -> None:
    file = scene(output, 6).partition("\nfile ")[2]
    before, middle, after = (file.find(text) for text in ("def fibonacci", "return", "print(fib"))
    assert -1 < before < middle < after


def test_the_fallback_shows_its_route_and_every_attempt(output: str) -> None:
    shown = scene(output, 7)
    assert shown.count("config.targets[0]") >= 2
    assert shown.count("503") == 2
    assert "config.targets[1]" in shown
    assert "200" in shown


def test_a_pdf_is_read_and_asked_about(output: str) -> None:
    shown = scene(output, 8)
    assert "18,400 euros" in shown.partition("answer")[2]
    assert "page 2" in shown


@pytest.mark.parametrize(
    ("environ", "arguments"),
    [
        ({}, SANDBOX),
        ({"MISTRAL_API_KEY": ""}, SANDBOX),
        ({"MISTRAL_API_KEY": "key"}, {}),
        ({"PORTKEY_API_KEY": "key"}, {}),
    ],
)
def test_a_key_selects_real_models(environ: dict[str, str], arguments: dict[str, str]) -> None:
    assert connection(environ) == arguments


# --- where a framework is missing -------------------------------------------------------------------


@pytest.mark.parametrize("framework", WITHOUT)
def test_without_a_framework_it_is_not_named(framework: str) -> None:
    chosen = scenes(lambda module: not module.startswith(WITHOUT[framework]))
    assert len(chosen) == 7
    assert [each.module for each in chosen if framework in each.module] == []
    names = {"langchain": "LangChain", "llamaindex": "LlamaIndex"}
    assert names[framework] not in " ".join(each.title for each in chosen)
    assert "same question" not in chosen[0].title


def test_without_pypdf_the_sandbox_reads_no_pdf() -> None:
    def has(module: str) -> bool:
        return module != "pypdf"

    assert not [each for each in scenes(has) if "document" in each.module]
    assert [each for each in scenes(has, on_sandbox=False) if "document" in each.module]


def test_every_scene_has_its_file() -> None:
    folder = Path(programme.__file__).with_name("scenes")
    named = {each.module for group in programme._GROUPS for each in group}
    assert named == {file.stem for file in folder.glob("*.py")} - {"__init__"}


def test_it_plays_without_any_framework(tmp_path: Path) -> None:
    shown = play(*WITHOUT.values(), cwd=tmp_path)
    assert "7 scenes in" in shown
    for fact in (
        "codestral-2508.md",
        "window(model='codestral-latest') -> 131,072 tokens",
        "context_window=131072",
        "18,400 euros",
        "config.targets[1]",
        "return",
    ):
        assert fact in shown
    for absent in ("LangChain", "LlamaIndex", "langchain", "llamaindex", "notebooks/", "README.md"):
        assert absent not in shown

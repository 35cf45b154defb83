"""The command line as a user meets it: exit codes, and errors that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from portkey_mistral.cli.app import app

ROUTE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "sk-very-secret"},
        {"provider": "mistral-ai", "override_params": {"model": "mistral-large-latest"}},
    ],
}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"})
    return result.exit_code, result.output


def test_help_names_every_command() -> None:
    code, output = run("--help")
    assert code == 0
    for command in ("demo", "sandbox", "doctor", "models", "route"):
        assert command in output


def test_models_shows_the_table() -> None:
    code, output = run("models", "--can", "fim")
    assert code == 0
    assert "codestral-latest" in output
    assert "1 of 61 models" in output


def test_models_shows_a_card() -> None:
    code, output = run("models", "codestral-latest")
    assert code == 0
    assert "codestral-2508" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["models", "codestrl"], "Near it: codestral"),
        (["models", "--can", "visoin"], "did you mean 'vision'"),
    ],
)
def test_a_wrong_word_is_one_line_on_stderr(arguments: list[str], says: str) -> None:
    code, output = run(*arguments)
    assert code == 1
    assert says in output
    assert "Traceback" not in output


def test_route_draws_a_config(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text(json.dumps(ROUTE))
    code, output = run("route", str(file))
    assert code == 0
    assert "fallback" in output
    assert "mistral-large-latest" in output
    assert "sk-very-secret" not in output


def test_route_draws_mermaid(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text(json.dumps(ROUTE))
    code, output = run("route", str(file), "--mermaid")
    assert code == 0
    assert output.lstrip().startswith(("flowchart", "graph"))


def test_a_faulty_route_names_the_place(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text(json.dumps({**ROUTE, "strategy": {"mode": "falback"}}))
    code, output = run("route", str(file))
    assert code == 1
    assert "ConfigurationError" in output
    assert "fallback" in output


def routed(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    file = tmp_path / "route.json"
    targets = [
        {**target, "name": name} for target, name in zip(ROUTE["targets"], "ab", strict=True)
    ]
    file.write_text(json.dumps({**ROUTE, "targets": targets}))
    return run("route", str(file), *arguments)


def test_route_writes_a_picture(tmp_path: Path) -> None:
    code, output = routed(tmp_path, "--svg", str(tmp_path / "route.svg"))
    assert code == 0
    assert "Picture written" in output
    picture = (tmp_path / "route.svg").read_text()
    assert picture.startswith("<svg ")
    assert "sk-very-secret" not in picture


def test_route_simulates(tmp_path: Path) -> None:
    picture = tmp_path / "route.svg"
    arguments = ("--fail", "a=429:0.3", "--fail", "a=reset:0.2", "--slow", "b=2.5")
    code, output = routed(tmp_path, "--simulate", "1000", *arguments, "--svg", str(picture))
    assert code == 0
    assert "1,000 requests simulated: 100.0 % answered" in output
    lines = {line.split()[0]: line for line in output.splitlines() if line.startswith("config")}
    assert " 100.0 % " in lines["config.targets[0]"]
    assert " 2.45 s " in lines["config.targets[1]"]
    assert "1,000 requests simulated" in picture.read_text()
    assert "sk-very-secret" not in output


def test_route_simulates_the_traffic_that_conditions_see(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    conditions = [{"query": {"metadata.tier": "paid"}, "then": "a"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "b"}
    targets = [{"provider": "mistral-ai", "api_key": "k", "name": name} for name in "ab"]
    file.write_text(json.dumps({"strategy": strategy, "targets": targets}))
    code, output = run("route", str(file), "--simulate", "100", "--with", "metadata.tier=paid:1")
    assert code == 0
    lines = {line.split()[0]: line for line in output.splitlines() if line.startswith("config")}
    assert " 100.0 % " in lines["config.targets[0]"]
    assert " 0.0 % " in lines["config.targets[1]"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fail", "a=429:0.3"], "need --simulate"),
        (["--simulate", "9", "--fail", "c=429:0.3"], "no target 'c'"),
        (["--simulate", "9", "--fail", "a=42:0.3"], "'42' is no status"),
        (["--simulate", "9", "--fail", "a=429"], "expected TARGET=429:0.3"),
        (["--simulate", "9", "--fail", "429:0.3"], "expected TARGET=429:0.3"),
        (["--simulate", "9", "--slow", "a=fast"], "'fast' is no number"),
        (["--simulate", "9", "--with", "tier=paid"], "metadata.<key>"),
        (["--svg", "/no/such/folder/x.svg"], "cannot be written"),
    ],
)
def test_a_wrong_option_of_route_says_what_is_right(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    code, output = routed(tmp_path, *arguments)
    assert code == 1
    assert says in " ".join(output.split())
    assert "Traceback" not in output


def test_route_needs_a_file() -> None:
    code, output = run("route", "no-such-file.json")
    assert code == 2
    assert "no-such-file.json" in output


def test_doctor_fails_where_no_key_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run("doctor")
    assert code == 1
    assert "1 to mend" in output
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    code, output = run("doctor", "--reach")
    assert code == 0
    assert "Ready." in output


def test_without_the_extra_the_command_says_what_to_install() -> None:
    script = "import sys; sys.modules['typer'] = None\nfrom portkey_mistral.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert 'pip install "portkey-mistral[cli]"' in result.stderr
    assert "Traceback" not in result.stderr

"""The command line for a user: exit codes, and errors that say what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import COMMAND, command
from kinds import ask
from portkey_mistral import Budget, Client
from redis_server import RedisServer, free_port

ROUTE = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai", "api_key": "sk-very-secret"},
        {"provider": "mistral-ai", "override_params": {"model": "mistral-large-latest"}},
    ],
}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(COMMAND, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"})
    return result.exit_code, result.output


def test_help_names_every_command() -> None:
    code, output = run("--help")
    assert code == 0
    for name in COMMANDS:
        assert name in output


COMMANDS = (
    "chat",
    "embed",
    "ocr",
    "batch",
    "demo",
    "sandbox",
    "doctor",
    "explain",
    "models",
    "route",
    "usage",
)


BATCH_COMMANDS = ("run", "start", "status", "results", "cancel")


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in COMMANDS if name != "batch"),
        *(f"batch {name}" for name in BATCH_COMMANDS),
    ],
)
def test_help_of_a_command_has_an_example(name: str) -> None:
    done = command(*name.split(), "--help")
    assert done.status == 0
    assert f"portkey-mistral {name}" in done.out.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("typed_so_far", "offered"),
    [
        ("portkey-mistral ch", ["chat"]),
        ("portkey-mistral chat --to", ["--tools"]),
        ("portkey-mistral chat -m codestral-la", ["codestral-latest"]),
        ("portkey-mistral embed -m mistral-e", ["mistral-embed", "mistral-embed-2312"]),
    ],
)
def test_a_shell_completes(
    typed_so_far: str, offered: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_PORTKEY_MISTRAL_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed_so_far)
    monkeypatch.setenv("COMP_CWORD", str(typed_so_far.count(" ")))
    assert command().out.split() == offered


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
    ("arguments", "status", "message"),
    [
        (["models", "codestrl"], 1, "Similar: codestral"),
        (["models", "--can", "visoin"], 2, "did you mean 'vision'"),
        (["models", "--status", "gaa"], 2, "did you mean 'ga'"),
    ],
)
def test_an_invalid_argument_is_explained(arguments: list[str], status: int, message: str) -> None:
    done = command(*arguments)
    assert (done.status, done.out) == (status, "")
    assert message in done.words


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


def test_an_invalid_config_is_reported_with_its_path(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text(json.dumps({**ROUTE, "strategy": {"mode": "falback"}}))
    code, output = run("route", str(file))
    assert code == 1
    assert "ConfigurationError" in output
    assert "fallback" in output


def test_an_unknown_key_is_a_warning_next_to_the_drawing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    file = tmp_path / "route.json"
    file.write_text(
        json.dumps(ROUTE | {"retrry": {"attempts": 1}, "secret_token": "sk-very-secret"})
    )
    for arguments in ([], ["--mermaid"], ["--simulate", "10"]):
        # The runner of older versions of click does not tell stderr from stdout.
        with pytest.raises(SystemExit) as ended:
            COMMAND(["route", str(file), *arguments])
        assert ended.value.code == 0
        shown = capsys.readouterr()
        assert "warning: config.retrry: unknown key; did you mean 'retry'?" in shown.err
        assert "warning" not in shown.out
        assert "sk-very-secret" not in shown.out + shown.err


def named_route(tmp_path: Path) -> Path:
    """A file with the route, whose targets have names."""
    file = tmp_path / "route.json"
    targets = [
        {**target, "name": name} for target, name in zip(ROUTE["targets"], "ab", strict=True)
    ]
    file.write_text(json.dumps({**ROUTE, "targets": targets}))
    return file


def routed(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    return run("route", str(named_route(tmp_path)), *arguments)


def test_route_writes_a_picture(tmp_path: Path) -> None:
    code, output = routed(tmp_path, "--svg", str(tmp_path / "route.svg"))
    assert code == 0
    assert "Drawing written" in output
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
    ("arguments", "status", "message"),
    [
        (["--fail", "a=429:0.3"], 2, "needs --simulate"),
        (["--simulate", "9", "--fail", "c=429:0.3"], 1, "no target 'c'"),
        (["--simulate", "9", "--fail", "a=42:0.3"], 2, "'42' is neither a status"),
        (["--simulate", "9", "--fail", "a=429"], 2, "expected TARGET=429:0.3"),
        (["--simulate", "9", "--fail", "429:0.3"], 2, "expected TARGET=429:0.3"),
        (["--simulate", "9", "--slow", "a=fast"], 2, "'fast' is not a number"),
        (["--simulate", "9", "--with", "tier=paid"], 1, "metadata.<key>"),
        (["--svg", "/no/such/folder/x.svg"], 1, "Could not write"),
    ],
)
def test_an_invalid_option_of_route_is_explained(
    tmp_path: Path, arguments: list[str], status: int, message: str
) -> None:
    done = command("route", named_route(tmp_path), *arguments)
    assert done.status == status
    assert message in done.words


def test_route_reads_standard_input() -> None:
    done = command("route", "-", "--mermaid", stdin=json.dumps(ROUTE))
    assert done.status == 0
    assert done.out.startswith("flowchart")
    assert command("route", "-", "--simulate", "9", stdin=json.dumps(ROUTE)).status == 0


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "/etc/passwd", '{"targets": 1}'])
def test_standard_input_that_is_no_config_is_explained(text: str) -> None:
    done = command("route", "-", stdin=text)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("ConfigurationError ")


def test_only_a_file_is_watched() -> None:
    done = command("route", "-", "--watch", stdin="{}")
    assert done.status == 2
    assert "needs a file" in done.words


def test_route_draws_again_when_its_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text("{}")
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "portkey_mistral", "route", str(file), "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell starts what it puts into the background with Ctrl+C ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as watching:
        assert watching.stdout is not None
        shown = ""
        for text, mark in (
            ("nonsense", "ConfigurationError"),
            (json.dumps(ROUTE), "mistral-large-latest"),
        ):
            file.write_text(text)
            while mark not in shown:
                line = watching.stdout.readline()
                assert line, shown
                shown += line
        watching.send_signal(signal.SIGINT)
        shown += watching.stdout.read()
    assert watching.returncode == 0
    assert "Traceback" not in shown
    assert "sk-very-secret" not in shown
    assert "\x1b" not in shown


def test_route_needs_a_file() -> None:
    code, output = run("route", "no-such-file.json")
    assert code == 2
    assert "no-such-file.json" in output


def test_doctor_fails_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    code, output = run("doctor")
    assert code == 1
    assert "1 to fix" in output
    monkeypatch.setenv("MISTRAL_BASE_URL", "sandbox:")
    code, output = run("doctor", "--reach")
    assert code == 0
    assert "Ready." in output


def test_without_the_extra_the_command_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['typer'] = None\nfrom portkey_mistral.__main__ import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert 'pip install "portkey-mistral[cli]"' in result.stderr
    assert "Traceback" not in result.stderr


# --- for programs


def test_version() -> None:
    code, output = run("--version")
    assert (code, output) == (0, f"portkey-mistral {version('portkey-mistral')}\n")


def test_models_as_json() -> None:
    code, output = run("models", "codestral-latest", "--json")
    assert code == 0
    (model,) = json.loads(output)
    assert (model["id"], model["status"], model["price"]["input"]) == ("codestral-2508", "ga", 0.3)
    assert model["price"]["as_of"] == "2026-08-21"
    assert "fim" in model["capabilities"]
    assert len(json.loads(run("models", "--json", "--all")[1])) == 61


def test_doctor_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "sk-very-secret")
    code, output = run("doctor", "--json")
    assert code == 0
    findings = json.loads(output)
    assert {"area", "state", "text", "cure"} == set(findings[0])
    assert {
        "area": "environment",
        "state": "good",
        "text": "MISTRAL_API_KEY is set",
        "cure": "",
    } in findings
    assert "sk-very-secret" not in output


def test_usage_needs_a_store_that_processes_share() -> None:
    code, output = run("usage")
    assert code == 1
    assert "PORTKEY_MISTRAL_STATE" in output


def test_usage_does_not_report_the_calls_of_a_store_that_it_cannot_read() -> None:
    code, output = run("usage", "--state", f"redis://127.0.0.1:{free_port()}/0")
    assert code == 1
    assert "could not be read" in output
    assert "No calls" not in output


@pytest.mark.full  # a Redis server is no package of Python's
def test_usage_shows_totals(tmp_path: Path, mistral_sandbox: object) -> None:
    with RedisServer(tmp_path) as server:
        assert "No calls" in run("usage", "--state", server.url())[1]
        client = Client(
            base_url="sandbox:",
            state=server.url(),
            budget=Budget(None, key="metadata.user"),
            portkey_metadata={"user": "ada"},
        )
        for _ in range(2):
            client.chat(ask())
        code, output = run("usage", "--state", server.url())
        assert code == 0
        for name in (
            datetime.now(UTC).date().isoformat(),
            "mistral-small-2603",
            "metadata.user=ada",
        ):
            (line,) = (line for line in output.splitlines() if line.startswith(name))
            assert line.split()[1:] == ["2", "12", "108", "0.000067"]
        rows = json.loads(run("usage", "--state", server.url(), "--json")[1])
        assert [row["cost"] for row in rows] == ["0.0000666", "0.0000666"]


# --- where it runs


def process(
    *arguments: str, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "portkey_mistral", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "100", **environment},
    )


@pytest.mark.parametrize("encoding", ["cp1252", pytest.param("ascii", marks=pytest.mark.full)])
def test_an_output_that_is_not_utf8(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "route.json"
    file.write_text(json.dumps(ROUTE))
    settings = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "MISTRAL_API_KEY": "k"}
    for arguments in (
        ["--help"],
        ["models", "codestral-latest"],
        ["models"],
        ["doctor"],
        ["route", str(file)],
        ["models", "no-such-modèle"],
    ):
        done = process(*arguments, **settings)
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode == ("no-such-modèle" in arguments)
        (done.stdout + done.stderr).decode(encoding)


def test_input_that_is_no_text_is_refused_without_a_locale_too() -> None:
    for arguments in (["chat"], ["embed", "-"]):
        done = process(*arguments, "--base-url", "sandbox:", stdin=b"caf\xe9\n", LC_ALL="C")
        assert done.returncode == 1
        assert b"not text encoded as UTF-8" in done.stderr


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none(port: str) -> None:
    code, output = run("sandbox", "--port", port)
    assert code == 2
    assert "--port" in output


def test_help_loads_nothing_that_makes_calls() -> None:
    """What takes time: half a second of CPU is the aim, and these take more than that."""
    script = (
        "import sys; sys.argv = ['portkey-mistral', '--help']\n"
        "from portkey_mistral.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "Usage" in done.stdout
    packages = {name.partition(".")[0] for name in loaded}
    assert packages & {"aiohttp", "httpx", "redis", "urllib3", "uvicorn", "langchain_core"} == set()
    ours = {".".join(name.split(".")[:2]) for name in loaded if name.startswith("portkey_mistral.")}
    assert (
        ours
        & {
            f"portkey_mistral.{name}"
            for name in (
                "_call",
                "_routing",
                "_transport",
                "client",
                "sandbox",
                "simulation",
                "state",
            )
        }
        == set()
    )

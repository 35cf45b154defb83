"""Every defect that `portkey-mistral doctor` knows, with the cure that it names. The page lists them by these names."""

from __future__ import annotations

import json
import re
import ssl
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from command_line import command
from portkey_mistral.cli import doctor
from portkey_mistral.cli.checks import network, packages
from portkey_mistral.cli.findings import Finding, State

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
KEY = "m-very-secret"
MISTRAL = {"MISTRAL_API_KEY": KEY}
OPEN_SOURCE = {"PORTKEY_GATEWAY_URL": "http://localhost:8787/v1", "MISTRAL_API_KEY": KEY}
HOSTED = {"PORTKEY_API_KEY": KEY, "PORTKEY_PROVIDER": "@mistral-prod"}


@dataclass(frozen=True)
class Defect:
    """An environment with a defect; `text` and `cure` are parts of its finding."""

    name: str
    environ: Mapping[str, str]
    state: State
    text: str
    cure: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


def config(*targets: Mapping[str, Any], **members: Any) -> str:
    return json.dumps({"strategy": {"mode": "fallback"}, "targets": targets, **members})


DEFECTS = [
    # --- keys
    Defect("no key", {}, "bad", "No API key for api.mistral.ai. Set MISTRAL_API_KEY"),
    Defect("no key", {"PORTKEY_CONFIG": "pc-main"}, "bad", "No Portkey key for api.portkey.ai. Set PORTKEY_API_KEY"),
    Defect("a placeholder as key", {"MISTRAL_API_KEY": "your-mistral-key"}, "bad", "MISTRAL_API_KEY is a placeholder", "console.mistral.ai"),
    Defect("a placeholder as key", {"PORTKEY_API_KEY": "${PORTKEY_KEY}"}, "bad", "PORTKEY_API_KEY is a placeholder", "app.portkey.ai"),
    Defect("quotes or blanks around a key", {"MISTRAL_API_KEY": f'"{KEY}"'}, "bad", "begins or ends with blanks or quotes", "remove them"),
    Defect("a key of another service", {"MISTRAL_API_KEY": "sk-ant-very-secret"}, "bad", "looks like a key of Anthropic, not of Mistral", "console.mistral.ai"),
    Defect("a key of another service", {"MISTRAL_API_KEY": "sk-very-secret"}, "note", "looks like a key of OpenAI"),
    Defect("a key of another service", {"PORTKEY_API_KEY": "hf_very-secret"}, "bad", "of Hugging Face, not of Portkey", "app.portkey.ai"),
    Defect("a name from Portkey as key", {"MISTRAL_API_KEY": "pc-main"}, "bad", "is the name of a saved config at Portkey", "set PORTKEY_CONFIG to it"),
    Defect("a name from Portkey as key", {"MISTRAL_API_KEY": "@mistral-prod"}, "bad", "is the name of a provider at Portkey", "set PORTKEY_PROVIDER to it"),
    Defect("a name from Portkey as key", {"PORTKEY_API_KEY": "pg-words"}, "bad", "is the name of a guardrail", "input_guardrails"),
    Defect("one key for both services", {"MISTRAL_API_KEY": KEY, "PORTKEY_API_KEY": KEY}, "bad", "are the same key", "leave MISTRAL_API_KEY unset"),
    Defect("a name in the wrong variable", {**HOSTED, "PORTKEY_PROVIDER": "", "PORTKEY_VIRTUAL_KEY": "pc-main"}, "bad", "is the slug of a config", "set PORTKEY_CONFIG"),
    Defect("a name in the wrong variable", {"PORTKEY_API_KEY": KEY, "PORTKEY_VIRTUAL_KEY": "@prod"}, "bad", "is the slug of a provider", "set PORTKEY_PROVIDER"),
    Defect("a virtual key", {"PORTKEY_API_KEY": KEY, "PORTKEY_VIRTUAL_KEY": "mistral-prod"}, "note", "virtual keys are Portkey's older form", "set PORTKEY_PROVIDER"),
    # --- variables and settings
    Defect("a misspelt variable", {"MISTRAL_APIKEY": KEY}, "note", "MISTRAL_APIKEY is set, but is not read", "did you mean 'MISTRAL_API_KEY'?"),
    Defect("a URL of an endpoint", {**MISTRAL, "MISTRAL_BASE_URL": "https://llm.example/v1/chat/completions"}, "bad", "is the URL of an endpoint", "leave out /chat/completions"),
    Defect("a URL without TLS", {**MISTRAL, "MISTRAL_BASE_URL": "http://llm.example/v1"}, "note", "is not encrypted", "use https://"),
    Defect("an invalid setting", {"MISTRAL_BASE_URL": "mistral.ai"}, "bad", "must start with http:// or https://", "correct the variable"),
    Defect("an invalid config", {**MISTRAL, "PORTKEY_CONFIG": '{"strategy": {"mode": "falback"}, "targets": []}'}, "bad", "fallback", "correct the variable"),
    Defect("a setting without effect", {**HOSTED, "MISTRAL_BASE_URL": "https://llm.example/v1"}, "note", "the custom host that the gateway calls", "unset the PORTKEY_* variables"),
    Defect("a host that does not guarantee the region", {**HOSTED, "MISTRAL_DATA_RESIDENCY": "eu"}, "bad", "api.portkey.ai", "residency_hosts="),
    # --- gateways
    Defect("an unknown key of a config", {**OPEN_SOURCE, "PORTKEY_CONFIG": config({"provider": "mistral-ai"}, retrry={})}, "note", "config.retrry: unknown key", "typing error"),
    Defect("parameters that a gateway loses", HOSTED, "note", "requests with presence_penalty, frequency_penalty, stop (and others) are refused", "gateway_lane='proxy'"),
    Defect("an open-source gateway with a Portkey key", {**HOSTED, "PORTKEY_GATEWAY_URL": "http://localhost:8787/v1"}, "note", "counts as Portkey's enterprise gateway", "unset PORTKEY_API_KEY"),
    # --- models
    Defect("a retired model", MISTRAL, "bad", "open-mistral-nemo-2407, retired since 2026-07-31", "use ministral-8b-2512", {"model": "open-mistral-nemo"}),
    Defect("a retired model", {**MISTRAL, "PORTKEY_CONFIG": config({"provider": "mistral-ai", "override_params": {"model": "open-mistral-nemo"}})}, "bad", "open-mistral-nemo is open-mistral-nemo-2407, retired", "use ministral-8b-2512"),
    Defect("a misspelt model", MISTRAL, "note", "mistral-smal-latest is not in the model catalog", "did you mean 'mistral-small-latest'?", {"model": "mistral-smal-latest"}),
    # --- proxies and TLS
    Defect("a local server behind a proxy", {**OPEN_SOURCE, "HTTP_PROXY": "http://me:very-secret@proxy.example:3128"}, "bad", "calls to localhost go through the proxy", "add localhost to NO_PROXY"),
    Defect("an unsupported kind of proxy", {**MISTRAL, "HTTPS_PROXY": "ftp://proxy.example:3128"}, "bad", "has an unsupported scheme", "use one of http://"),
    Defect("calls through a proxy", {**MISTRAL, "HTTPS_PROXY": "http://me:very-secret@proxy.example:3128"}, "note", "go through the proxy"),
    Defect("certificates that cannot be read", {**MISTRAL, "SSL_CERT_FILE": "/no/such/file.pem"}, "bad", "does not exist", "set it to a PEM file"),
    Defect("certificates that cannot be read", {**MISTRAL, "SSL_CERT_FILE": __file__}, "bad", "has no certificates", "set it to a PEM file"),
    Defect("certificates that cannot be read", {**MISTRAL, "SSL_CERT_DIR": "/no/such/folder"}, "bad", "is not a folder", "unset it"),
    Defect("a certificate variable that only other libraries read", {**MISTRAL, "REQUESTS_CA_BUNDLE": "/company.pem"}, "note", "REQUESTS_CA_BUNDLE is set, but is not read", "set SSL_CERT_FILE=/company.pem"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", *network._UNREAD_CERTIFICATES, "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def found_in(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, **options: Any
) -> list[Finding]:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found = doctor.examine(**options)
    assert "very-secret" not in str(found)
    return found


def has(findings: list[Finding], state: State, text: str, cure: str = "") -> bool:
    return any(
        finding.state == state and text in finding.text and cure in finding.cure
        for finding in findings
    )


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_found(defect: Defect, monkeypatch: pytest.MonkeyPatch) -> None:
    found = found_in(defect.environ, monkeypatch, **defect.options)
    assert has(found, defect.state, defect.text, defect.cure), found


@pytest.mark.parametrize(
    "environ",
    [
        MISTRAL,
        {"MISTRAL_BASE_URL": "sandbox:"},
        OPEN_SOURCE,
        HOSTED,
        {"MISTRAL_BASE_URL": "http://localhost:8000/v1", "MISTRAL_API_KEY": "sk-ant-of-my-server"},
        {**MISTRAL, "PORTKEY_CONFIG": config({"provider": "mistral-ai"})},
    ],
)
def test_a_sound_environment_has_no_defect(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [each for each in found_in(environ, monkeypatch) if each.state == "bad"] == []


# --- packages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requirement", "state", "text", "cure"),
    [
        (packages.Requirement("langchain-core", "99", None, "langchain"), "bad", "is too old: 99 or newer is needed", 'pip install -U "langchain-core>=99"'),
        (packages.Requirement("llama-index-core", None, "0.10", "llamaindex"), "bad", "is too new: below 0.10 is needed", 'pip install -U "llama-index-core<0.10"'),
        (packages.Requirement("httpx", "0.1", "99"), "good", "httpx 0.", ""),
        (packages.Requirement("no-such-package"), "bad", "no-such-package is not installed", "pip install no-such-package"),
    ],
)  # fmt: skip
def test_versions_are_compared(
    requirement: packages.Requirement, state: State, text: str, cure: str
) -> None:
    assert has(list(packages.check_versions([requirement])), state, text, cure)


def test_the_requirements_are_those_of_the_metadata() -> None:
    required = {(each.package, each.extra): each for each in packages.requirements()}
    assert required["urllib3", ""] == packages.Requirement("urllib3", "2.8", "3")
    assert required["langchain-core", "langchain"].lowest == "1.6"
    assert required["llama-index-core", "llamaindex"].limit == "0.15"


def test_every_extra_is_looked_for() -> None:
    project = tomllib.loads((PYPROJECT).read_text())["project"]
    extras = set(project["optional-dependencies"])
    of_settings, of_frameworks = {"redis", "socks"}, {"langchain", "llamaindex", "ray"}
    assert {*packages._OPTIONAL, *of_settings, *of_frameworks, "cli", "all"} == extras


@pytest.mark.parametrize(
    ("package", "environ", "state", "text", "cure"),
    [
        ("redis", {**MISTRAL, "PORTKEY_MISTRAL_STATE": "redis://:very-secret@localhost/0"}, "bad", "the state store is a Redis server", "[redis]"),
        ("socksio", {**MISTRAL, "HTTPS_PROXY": "socks5://me:very-secret@proxy.example:1080"}, "bad", "the proxy speaks SOCKS", "[socks]"),
        ("pypdf", MISTRAL, "note", "ocr (the number of pages", "ocr"),
        (("langchain-core", "llama-index-core"), MISTRAL, "note", "neither LangChain nor LlamaIndex", "[langchain]"),
    ],
)  # fmt: skip
def test_a_package_that_is_missing_is_named(
    package: str | tuple[str, ...],
    environ: Mapping[str, str],
    state: State,
    text: str,
    cure: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The metadata of the package is hidden, as if it was not installed."""
    installed = packages.metadata.version

    def without(name: str) -> str:
        if name in package:
            raise packages.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(packages.metadata, "version", without)
    assert has(found_in(environ, monkeypatch), state, text, cure)


# --- the clock --------------------------------------------------------------------------------------


def test_a_clock_before_the_release_is_reported() -> None:
    (found,) = network.check_clock(date(2020, 1, 1))
    assert (found.area, found.state) == ("clock", "bad")
    assert "2020-01-01" in found.text
    assert "timedatectl" in found.cure
    assert list(network.check_clock()) == []


# --- with one call ----------------------------------------------------------------------------------


@contextmanager
def server(
    status: int = 200, *, behind: timedelta = timedelta(), tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A service that lists one model; yields its base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"data": [{"id": "mistral-small-latest"}]}' if status == 200 else b"{}"
            self.send_response_only(status)
            self.send_header("date", format_datetime(datetime.now(UTC) - behind, usegmt=True))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Clients that refuse the certificate leave in the handshake."""

    with Server(("127.0.0.1", 0), Handler) as listening:
        if tls is not None:
            listening.socket = tls.wrap_socket(listening.socket, server_side=True)
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{listening.server_address[1]}/v1"
        listening.shutdown()


def reached(url: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[Finding]:
    return found_in({**MISTRAL, "MISTRAL_BASE_URL": url}, monkeypatch, call=True, **options)


def closed_port() -> str:
    with server() as url:
        return url


def test_a_server_that_answers_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    with server() as url:
        found = reached(url, monkeypatch, model="mistral-large-latest")
    assert has(found, "good", "reachable: the service lists 1 model")
    assert has(found, "note", "does not list mistral-large-latest for this key", "limits")
    assert not [finding for finding in found if finding.area == "clock"]


def test_a_server_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has(reached(closed_port(), monkeypatch), "bad", "127.0.0.1", "nothing listens there")


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    found = reached("https://no-such-host.invalid/v1", monkeypatch)
    assert has(found, "bad", "", "the name no-such-host.invalid is not known here")


def test_a_proxy_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", closed_port().removesuffix("/v1"))
    found = reached("https://llm.example/v1", monkeypatch)
    assert has(found, "bad", "", "check that the proxy can be reached")


@pytest.mark.parametrize(
    ("status", "cure"), [(401, "copy the key again"), (403, "may not list models"), (404, "/v1")]
)
def test_a_refusal_has_a_cure(status: int, cure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(status) as url:
        assert has(reached(url, monkeypatch), "bad", "", cure)


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize(
    ("behind", "text"),
    [(timedelta(minutes=20), "20 minutes ahead of"), (timedelta(hours=-30), "30 hours behind")],
)
def test_a_clock_that_differs_from_the_servers(
    behind: timedelta, text: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server(status, behind=behind) as url:
        assert has(reached(url, monkeypatch), "note", f"the clock is {text}", "timedatectl")


@pytest.mark.parametrize(
    ("expired", "cure"), [(False, "set SSL_CERT_FILE"), (True, "set the clock of this machine")]
)
def test_a_certificate_that_is_refused(
    *, expired: bool, cure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    day = datetime.now(UTC) - timedelta(days=2)
    until = {"not_before": day - timedelta(days=1), "not_after": day} if expired else {}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", **until).configure_cert(context)
    if expired:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with server(tls=context) as url:
        assert has(reached(url, monkeypatch), "bad", "", cure)


# --- what is shown ----------------------------------------------------------------------------------


def test_the_cure_is_shown_below_the_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", "pc-main")
    done = command("doctor")
    assert done.status == 1
    shown = " ".join(done.out.split())
    assert "not a key -> set PORTKEY_CONFIG to it" in shown.replace("→", "->")
    cures = {row["text"]: row["cure"] for row in json.loads(command("doctor", "--json").out)}
    assert cures["MISTRAL_API_KEY is set"] == ""


def test_the_page_lists_every_defect() -> None:
    listed = re.findall(r"^\| (.+?) \| .+ \|$", PAGE.partition("### What it finds")[2].partition("\n## ")[0], re.MULTILINE)  # fmt: skip
    rows = [row for row in listed if row not in ("problem", "---")]
    for name in dict.fromkeys(defect.name for defect in DEFECTS):
        assert name in rows

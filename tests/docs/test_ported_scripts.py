"""The scripts of the pages for migrants: the original and ours print the same, and ask the models the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import uv

from portkey_mistral import sandbox
from portkey_mistral.sandbox import Exchange

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from"
TAB = re.compile(r'^=== "(Before|After)"\n\n    ```py\n(.*?)^    ```$', re.MULTILINE | re.DOTALL)
# The embedding class of LlamaIndex's package has no setting for its URL.
AT_THE_SANDBOX = """\
import runpy, sys
if "mistralai" in {name}:
    from mistralai.client import sdkconfiguration
    sdkconfiguration.SERVERS["global"] = {root!r}
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def scripts(page: str, folder: Path) -> Mapping[str, Path]:
    """Write the two scripts of a page to files, and return their paths."""
    text = (FOLDER / f"{page}.md").read_text(encoding="utf-8")
    paths = {}
    for title, code in TAB.findall(text):
        paths[title] = folder / f"{title.lower()}.py"
        paths[title].write_text(textwrap.dedent(code), encoding="utf-8")
    assert sorted(paths) == ["After", "Before"]
    return paths


def run(*command: str | Path, **variables: str) -> str:
    """Run a program to its end, and return what it prints."""
    # Neither may look for files or prices elsewhere.
    offline = {"HF_HUB_OFFLINE": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **offline, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(exchange: Exchange) -> tuple[str, Any, Any]:
    """What a model was asked: the messages, or the texts to embed, and by which model."""
    body = exchange.body
    texts = body.get("input") or [as_text(message) for message in body["messages"]]
    return exchange.path, body["model"], texts


def as_text(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Some packages send a text as a list of one part, which means the same."""
    match message:
        case {"content": [{"type": "text", "text": text}]}:
            return {**message, "content": text}
        case _:
            return message


def compare(
    before: tuple[str, list[Exchange]], after: tuple[str, list[Exchange]], lines: int
) -> None:
    assert after[0] == before[0]
    assert after[0].count("\n") >= lines
    assert [asked(each) for each in after[1]] == [asked(each) for each in before[1]]
    assert all(each.headers["authorization"] for each in after[1])


@pytest.mark.full
@pytest.mark.peers
@pytest.mark.parametrize(("page", "lines"), [("chat-mistral-ai", 4), ("llamaindex-mistralai", 3)])
def test_direct(page: str, lines: int, tmp_path: Path, mistral_sandbox_url: str) -> None:
    root = mistral_sandbox_url.removesuffix("/v1")
    code = AT_THE_SANDBOX.replace("{name}", repr(page)).replace("{root!r}", repr(root))
    results = {}
    for title, script in scripts(page, tmp_path).items():
        sandbox.reset()
        output = run(
            sys.executable, "-c", code, script,
            MISTRAL_API_KEY="k", MISTRAL_BASE_URL=mistral_sandbox_url, MISTRAL_ENDPOINT=root,
        )  # fmt: skip
        results[title] = output, list(sandbox.get().requests)
    compare(results["Before"], results["After"], lines)


@pytest.mark.full
@pytest.mark.gateway
@pytest.mark.peers
@pytest.mark.parametrize(("page", "lines"), [("chat-openai", 3), ("portkey-ai", 3)])
def test_through_portkey(page: str, lines: int, tmp_path: Path, portkey_sandbox: Any) -> None:
    results = {}
    for title, script in scripts(page, tmp_path).items():
        portkey_sandbox.reset()
        url = portkey_sandbox.url
        output = run(sys.executable, script, PORTKEY_API_KEY="pk-sandbox", PORTKEY_GATEWAY_URL=url)
        results[title] = output, list(portkey_sandbox.provider("mistral-prod").requests)
        traced = {each.headers.get("x-portkey-trace-id") for each in portkey_sandbox.requests}
        assert len(traced) == 1
        assert None not in traced
    compare(results["Before"], results["After"], lines)


@pytest.mark.full
@pytest.mark.parametrize("page", ["litellm"])
def test_litellm(page: str, tmp_path: Path, mistral_sandbox: Any) -> None:
    """In an environment of its own: it takes 170 MB, and needs older packages than others here."""
    peer = tmp_path / "venv"
    run(uv.find_uv_bin(), "venv", "-q", "-p", sys.executable, peer)
    python = peer / "bin" / "python"
    run(uv.find_uv_bin(), "pip", "install", "-q", "-p", python, "litellm>=1.110")
    east, west = sandbox.get("east"), sandbox.get("west")
    results = {}
    for title, script in scripts(page, tmp_path).items():
        sandbox.reset()
        east.fail(503, times=None)
        output = run(
            python if title == "Before" else sys.executable, script,
            MISTRAL_API_KEY="k", EAST_URL=east.url, WEST_URL=west.url,
        )  # fmt: skip
        assert (len(east.requests), len(west.requests)) == (2, 1), title
        results[title] = output, [*east.requests, *west.requests]
    compare(results["Before"], results["After"], 1)


def test_every_page_has_a_script() -> None:
    pages = {page.stem for page in FOLDER.glob("*.md")}
    with_scripts = {
        page for page in pages if TAB.search((FOLDER / f"{page}.md").read_text(encoding="utf-8"))
    }
    assert pages == with_scripts
    tested = {"chat-mistral-ai", "llamaindex-mistralai", "chat-openai", "portkey-ai", "litellm"}
    assert pages == tested

"""The page on telemetry: its snippets print what it shows, and its picture is of real spans."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from portkey_mistral._telemetry import attributes, capture, metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "telemetry.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
MARK = "--- next ---"
VARYING = (
    (re.compile(r"[0-9]+\.[0-9]+ s\b"), "N s"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "ID"),
)


def steady(text: str) -> str:
    """Return a text without what differs from run to run: times and ids."""
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return text.strip()


def python(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_snippet_prints_what_the_page_shows() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 4
    code = f"print({MARK!r})\n".join(snippet for snippet, _ in EXAMPLES)
    printed = python("-c", code).split(MARK)
    assert [steady(text) for text in printed] == [steady(shown) for _, shown in EXAMPLES]


def test_the_picture_shows_the_spans_of_a_call_of_today(tmp_path: Path) -> None:
    """But for its lengths of time."""
    python("scripts/draw_trace.py", str(tmp_path / "now.svg"))
    now, shown = (
        re.findall(r"<text[^>]*>([^<]*)<", path.read_text(encoding="utf-8"))
        for path in (tmp_path / "now.svg", ROOT / "docs/telemetry/fallback.svg")
    )
    assert [re.sub(r"^[0-9]+ ms$", "N ms", each) for each in now] == [
        re.sub(r"^[0-9]+ ms$", "N ms", each) for each in shown
    ]
    assert shown.count("POST /v1/chat/completions") == 3


def names_in(module: object) -> set[str]:
    source = Path(str(getattr(module, "__file__", ""))).read_text(encoding="utf-8")
    return set(re.findall(r'"((?:gen_ai|portkey_mistral|OTEL)[\w.]+)"', source))


@pytest.mark.parametrize("module", [attributes, capture])
def test_the_page_names_what_is_set(module: object) -> None:
    """By whole name, or by its end in a row of names with the same beginning."""
    named = re.findall(r"`([\w.{} ]+)`", PAGE)

    def is_named(name: str) -> bool:
        return name in named or any(end.startswith(".") and name.endswith(end) for end in named)

    groups = ("gen_ai.request.", "gen_ai.embeddings.", "gen_ai.usage.audio.", "gen_ai.output.")
    missing = {each for each in names_in(module) if not is_named(each)}
    assert {name for name in missing if not name.startswith(groups)} == set()


def test_the_page_names_the_metrics() -> None:
    source = Path(metrics.__file__).read_text(encoding="utf-8")
    ends = {"duration", "time_to_first_chunk", "time_per_output_chunk"}
    assert all(f'"{end}"' in source for end in ends)
    assert all(f"gen_ai.client.operation.{end}" in PAGE for end in ends)
    assert metrics._TOKEN_USAGE in PAGE

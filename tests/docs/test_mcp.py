"""The page on MCP: its server is started, and its agents print what the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text(encoding="utf-8")
SERVER, *AGENTS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SHOWN = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.full
def test_every_agent_prints_what_the_page_shows(tmp_path: Path) -> None:
    assert len(AGENTS) == len(SHOWN) == 2
    (tmp_path / "order_server.py").write_text(SERVER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(AGENTS)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(SHOWN)

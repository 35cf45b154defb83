"""The application in a separate process, which calls the sandbox of the test over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys

from portkey_mistral.sandbox import Sandbox


def test_the_program_prints_the_answer(mistral_sandbox: Sandbox) -> None:
    mistral_sandbox.reply("Good morning.")
    environment = {**os.environ, "MISTRAL_BASE_URL": mistral_sandbox.url, "MISTRAL_API_KEY": "any"}
    done = subprocess.run(
        [sys.executable, "-m", "helpdesk", "Hello?"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "Good morning.\n"
    assert len(mistral_sandbox.requests) == 1

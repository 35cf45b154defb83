"""Importing the adapter where its framework is missing."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name.startswith("llama_index") else find(name, *rest)
import llamaindex_portkey_mistral
"""


def test_the_extra_is_named():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install 'portkey-mistral[llamaindex]'")


def test_the_other_framework_is_not_imported():
    code = "import sys, llamaindex_portkey_mistral; print('langchain_core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False"

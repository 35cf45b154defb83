"""A real Redis for the tests: started on a free port of this machine, ended by its own process id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Self

import redis

__all__ = ["RedisServer", "free_port"]

_START_SECONDS = 10.0


class RedisServer:
    """Runs within a `with` block. It can be ended and started again on its port in between.

    `options` are those of redis.conf, by name; `conf` is a file with more of them.
    """

    def __init__(self, folder: Path, *, conf: Path | None = None, **options: str) -> None:
        self._folder, self._conf, self._options = folder, conf, options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url(self, *, password: str = "", query: str = "") -> str:
        """`socket_timeout` is long unless the query says something else: busy machines are slow."""
        credentials = f":{password}@" if password else ""
        return f"redis://{credentials}127.0.0.1:{self.port}/0?{query or 'socket_timeout=5'}"

    def start(self) -> None:
        arguments = {"bind": "127.0.0.1", "port": str(self.port), "save": "", "appendonly": "no"}
        arguments |= {"dir": str(self._folder)} | self._options
        flags = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        conf = [] if self._conf is None else [str(self._conf)]
        self._process = subprocess.Popen([_binary(), *conf, *flags], stdout=subprocess.DEVNULL)
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"redis-server did not start on port {self.port}.")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as a crash would; harmless when it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Suspend it: it keeps its connections, but does not answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def client(self, **options: str) -> redis.Redis:
        return redis.Redis(port=self.port, **options)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return bool(connection.recv(1))
        except OSError:
            return False


@cache
def _binary() -> str:
    found = shutil.which("redis-server")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["update", "-qq"], ["install", "-qq", "--yes", "redis-server"]):
            subprocess.run(["apt-get", *command], check=True, stdout=subprocess.DEVNULL)
        found = shutil.which("redis-server")
    if found is None:
        raise RuntimeError(
            "These tests need redis-server on the PATH: apt-get install redis-server, "
            "brew install redis, or the like."
        )
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

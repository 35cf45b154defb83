"""A server that starts when its URL is first read, and runs until the process ends."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from threading import Lock

from portkey_mistral.sandbox.asgi import App, running_app

__all__ = ["BackgroundServer"]


class BackgroundServer:
    """Serves an app on a free port of 127.0.0.1. Thread-safe; a forked child starts a server of its own."""

    def __init__(self, application: App) -> None:
        self._application = application
        self._lock = Lock()
        self._running: ExitStack | None = None
        self._url = ""
        self._of_parents: list[ExitStack] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    @property
    def url(self) -> str:
        """The root URL, such as `http://127.0.0.1:40123`.

        Raises:
            ImportError: uvicorn is not installed.
        """
        with self._lock:
            if self._running is None:
                stack = ExitStack()
                self._url = stack.enter_context(running_app(self._application, "127.0.0.1", 0))
                atexit.register(stack.close)
                self._running = stack
            return self._url

    def _forget(self) -> None:
        """Leave the server to the parent process: no thread of it runs here."""
        self._lock = Lock()
        if self._running is not None:
            atexit.unregister(self._running.close)
            # Closing it would end the parent's: they share what the operating system polls.
            self._of_parents.append(self._running)
            self._running = None

"""Tracks the progress of an embedding job and reports it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.prices import NOT_BILLED, Cost
from portkey_mistral.responses import EmbeddingProgress, ShowProgress

__all__ = ["Tracker"]


class Tracker:
    """Counts may be added from any thread; `show` is for the thread that drives the job."""

    def __init__(self, show: ShowProgress, model: str, total: int | None) -> None:
        self._show: Callable[[EmbeddingProgress], None] | None = None
        self._bar: _Bar | None = None
        if show is True:
            self._bar = _Bar(model, total)
            self._show = self._bar.show
        elif show:
            self._show = show
        self._total = total
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._done = self._tokens = 0
        self._cost: Cost | None = NOT_BILLED

    def add(self, texts: int, tokens: int, cost: Cost | None) -> None:
        with self._lock:
            self._done += texts
            self._tokens += tokens
            self._cost = None if self._cost is None or cost is None else self._cost + cost

    def show(self) -> None:
        if self._show is not None:
            self._show(self._progress())

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()

    def _progress(self) -> EmbeddingProgress:
        return EmbeddingProgress(
            done=self._done,
            total=self._total,
            tokens=self._tokens,
            seconds=time.monotonic() - self._started,
            cost=None if self._cost is None else float(self._cost.amount),
        )


class _Bar:
    def __init__(self, model: str, total: int | None) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise ConfigurationError(
                "show_progress=True needs tqdm: pip install 'portkey-mistral[progress]'. Or pass a function "
                "that takes an EmbeddingProgress."
            ) from None
        self._bar: Any = tqdm(total=total, desc=f"Embedding with {model}", unit=" texts")

    def show(self, progress: EmbeddingProgress) -> None:
        if progress.cost is not None:
            self._bar.set_postfix_str(f"${progress.cost:.4f}", refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        self._bar.close()

"""Reports the progress of a batch job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from portkey_mistral.batch import BatchProgress, ShowBatchProgress
from portkey_mistral.exceptions import ConfigurationError

__all__ = ["Reporter"]


class Reporter:
    """Passes each state to a function, or to a progress bar on standard error."""

    def __init__(self, show: ShowBatchProgress) -> None:
        self._bar: Any = None
        self._show: Callable[[BatchProgress], None] | None = None if show is True else show or None
        self._wants_bar = show is True

    def show(self, progress: BatchProgress) -> None:
        if self._show is not None:
            self._show(progress)
        elif self._wants_bar:
            if self._bar is None:
                self._bar = _new_bar(progress.total)
            self._bar.set_postfix_str(_state(progress), refresh=False)
            self._bar.update(progress.done - self._bar.n)
            self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def _state(progress: BatchProgress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    cost = progress.cost
    at_most = "at most " if cost is not None and cost.estimated else ""
    costs = "" if cost is None else f", {at_most}${cost.amount:.4f}"
    return f"{progress.status}{failed}{costs}"


def _new_bar(total: int) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ConfigurationError(
            "show_progress=True needs tqdm: pip install 'portkey-mistral[progress]'. Or pass a function that takes a "
            "BatchProgress."
        ) from None
    return tqdm(total=total, desc="Batch", unit=" requests")

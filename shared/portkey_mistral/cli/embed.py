"""Embeds texts into a file, shows the progress, and continues where an earlier run stopped."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from portkey_mistral.cli.console import console, counted, note, usd
from portkey_mistral.cli.text_sources import TextRow
from portkey_mistral.cli.vector_files import opened
from portkey_mistral.exceptions import PortkeyMistralError
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost
from portkey_mistral.requests import EmbeddingDtype, EmbeddingRequest
from portkey_mistral.responses import EmbeddingProgress

if TYPE_CHECKING:
    from portkey_mistral.client import Client

__all__ = ["embed_to_file", "remove_store", "resume_store"]


def resume_store(output: Path | None) -> Path | None:
    """Return the path of the store of finished vectors, next to the output."""
    return None if output is None else output.with_name(f"{output.name}.resume")


def remove_store(store: Path) -> None:
    """Remove a store, with the files that SQLite keeps next to it."""
    for ending in ("", "-wal", "-shm"):
        store.with_name(store.name + ending).unlink(missing_ok=True)


def embed_to_file(
    client: Client,
    rows: Iterable[TextRow],
    output: Path | None,
    *,
    total: int | None,
    model: str,
    dimension: int | None,
    dtype: EmbeddingDtype,
) -> None:
    """Embed all texts, write them with their vectors, and print a summary. Memory does not grow with their number.

    Raises:
        PortkeyMistralError: a text could not be embedded; a note names it.
        OSError: the output cannot be written.
    """
    texts = _Texts(rows)
    request = EmbeddingRequest(
        model=model,
        inputs=texts,
        output_dimension=dimension,
        output_dtype=None if dtype == "float" else dtype,
        # A gateway may not pass it on, and is not needed to.
        encoding_format=None if client.settings.mode == "gateway" else "base64",
    )
    started = time.monotonic()
    done = _Sum()
    with opened(output, model, dtype) as writer, _progress_bar(total) as show:
        try:
            for batch in client.embed_iter(request, show_progress=show):
                writer.write(texts.take(len(batch.vectors)), batch.vectors)
                done.add(len(batch.vectors), batch.usage.prompt_tokens, batch.cost)
        except PortkeyMistralError as error:
            if (row := texts.row(error.index)) is not None:
                error.add_note(f"The text is number {row.index} (from 0) of {row.source}.")
            raise
    seconds = time.monotonic() - started
    where = "" if output is None else f" -> {output}"
    note(
        f"{counted(done.texts, 'text')}, {done.tokens:,} tokens, {usd(done.cost)}, {seconds:.1f} s{where}"
    )


class _Texts(Iterable[str]):
    """The texts of rows. Rows whose vectors have not come yet are kept."""

    def __init__(self, rows: Iterable[TextRow]) -> None:
        self._rows = iter(rows)
        self._waiting: deque[TextRow] = deque()
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        for row in self._rows:
            self._waiting.append(row)
            yield row.text

    def take(self, count: int) -> list[TextRow]:
        """Return the rows of the next vectors."""
        self._taken += count
        return [self._waiting.popleft() for _ in range(count)]

    def row(self, position: int | None) -> TextRow | None:
        """Return the row at a position among all texts, if it waits for its vector."""
        if position is None or not 0 <= position - self._taken < len(self._waiting):
            return None
        return self._waiting[position - self._taken]


@dataclass
class _Sum:
    texts: int = 0
    tokens: int = 0
    costs: list[Cost | None] = field(default_factory=list)

    def add(self, texts: int, tokens: int, cost: Cost | None) -> None:
        self.texts += texts
        self.tokens += tokens
        self.costs = [total_cost([*self.costs, cost])]

    @property
    def cost(self) -> Cost | None:
        return self.costs[0] if self.costs else NOT_BILLED


@contextmanager
def _progress_bar(total: int | None) -> Iterator[Callable[[EmbeddingProgress], None] | bool]:
    """Yield what shows the progress on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield False
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("Embedding"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[cost]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, cost="")

        def show(progress: EmbeddingProgress) -> None:
            cost = "" if progress.cost is None else usd(Cost(Decimal(str(progress.cost))))
            bar.update(task, completed=progress.done, cost=cost)

        yield show

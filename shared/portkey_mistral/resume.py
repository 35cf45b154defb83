"""Keeps finished vectors in an SQLite file, so that an embedding job that stopped goes on where it was.

A vector is found again by everything that decides it: the place that made it, the model, its dimension,
dtype and further fields, and the text. Several processes may share a file.
"""

from __future__ import annotations

import hashlib
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import EmbeddingRequest

__all__ = ["ResumeStore"]

# Kinds of arrays in which vectors come packed; "d" and "h" are how lists are kept.
_PACKED = ("f", "b", "B")
# SQLite's own limit on variables in a statement was 999 for most of its life.
_VARIABLES = 900
_TRIES = 20
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, kind TEXT, vector BLOB) WITHOUT ROWID"


class ResumeStore:
    """The vectors of one kind of request. `place` is the URL or config that answers it."""

    def __init__(self, path: str, request: EmbeddingRequest, place: str) -> None:
        self._path = Path(path).expanduser()
        described: list[Any] = [place, request.model, request.output_dimension]
        described += [request.output_dtype, *sorted(request.extra.items())]
        if request.encoding_format == "base64":
            described.append("base64")  # packed vectors are other objects than lists
        self._seed = hashlib.sha256(repr(tuple(described)).encode())

    def found(self, texts: Sequence[str]) -> dict[int, Sequence[float]]:
        """Return the vectors that are there, by the position of their text."""
        keys = [self._key(text) for text in texts]
        with self._open() as connection:
            rows = dict(_rows(connection, dict.fromkeys(keys)))
        return {index: rows[key] for index, key in enumerate(keys) if key in rows}

    def keep(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Write down finished vectors by their text."""
        rows = [(self._key(text), *_packed(vector)) for text, vector in vectors.items()]
        with self._open() as connection:
            connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def _key(self, text: str) -> bytes:
        digest = self._seed.copy()
        digest.update(text.encode("utf-8", "surrogatepass"))
        return digest.digest()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=30.0)
            try:
                _let_readers_and_writers_pass(connection)
                connection.execute(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as fault:
            raise ConfigurationError(
                f"embed_resume={str(self._path)!r} cannot be used as a resume store: {fault}. Give the path "
                "of a file in a folder that exists and can be written."
            ) from fault


def _let_readers_and_writers_pass(connection: sqlite3.Connection) -> None:
    """Change to a journal in which no process waits for another's reading.

    SQLite waits for every lock but the one of this change, which fails at once. So the lock is waited for
    by itself, and the change is tried again: somebody else may have been quicker, and made it.
    """
    for left in reversed(range(_TRIES)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as fault:
            if not left or fault.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            connection.execute("BEGIN EXCLUSIVE")
            connection.rollback()
        else:
            return


def _rows(
    connection: sqlite3.Connection, keys: Iterable[bytes]
) -> Iterator[tuple[bytes, Sequence[float]]]:
    wanted = list(keys)
    for start in range(0, len(wanted), _VARIABLES):
        part = wanted[start : start + _VARIABLES]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, kind, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608  marks only
        for key, kind, packed in connection.execute(query, part):
            stored = array(kind, packed)
            yield key, stored if kind in _PACKED else stored.tolist()


def _packed(vector: Sequence[float]) -> tuple[str, bytes]:
    """What came packed stays so; of lists, doubles keep every digit and whole numbers (int8, binary) stay whole."""
    if isinstance(vector, array) and vector.typecode in _PACKED:
        return vector.typecode, vector.tobytes()
    kind = "d" if float in map(type, vector) else "h"
    return kind, array(kind, vector).tobytes()

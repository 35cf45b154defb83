"""Saves finished vectors in an SQLite file, so that an embedding job can resume after it was stopped.

The key of a vector is everything that determines it: the endpoint, the model, dimension, dtype and further
parameters, and the text. Several processes may share a file.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
import warnings
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portkey_mistral._warnings import user_stacklevel
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.requests import EmbeddingRequest

__all__ = ["VectorStore"]

# Array types of vectors that arrived packed; lists are saved as "d" or "h".
_PACKED = ("f", "b", "B")
_KINDS = (*_PACKED, "d", "h")
# SQLite before 3.32 allows at most 999 variables in a statement.
_MAX_VARIABLES = 900
_WAL_ATTEMPTS = 20
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, kind TEXT, vector BLOB) WITHOUT ROWID"


class VectorStore:
    """The saved vectors of requests with the same parameters to one endpoint."""

    def __init__(self, path: str, request: EmbeddingRequest, endpoint_id: str) -> None:
        self._path = Path(path).expanduser()
        parameters: list[Any] = [endpoint_id, request.model, request.output_dimension]
        parameters += [request.output_dtype, *sorted(request.extra.items())]
        if request.encoding_format == "base64":
            parameters.append("base64")  # packed vectors are arrays, not lists
        self._seed = hashlib.sha256(repr(tuple(parameters)).encode())

    def load(self, texts: Sequence[str]) -> dict[int, Sequence[float]]:
        """Return the saved vectors, by the position of their text. Damaged ones are left out, with a warning."""
        keys = [self._key(text) for text in texts]
        with self._open() as connection:
            rows = dict(_rows(connection, dict.fromkeys(keys)))
        if damaged := sum(vector is None for vector in rows.values()):
            warnings.warn(
                f"{damaged} saved vectors in embed_resume={str(self._path)!r} are damaged. Their texts are "
                "embedded again.",
                stacklevel=user_stacklevel(),
            )
        vectors = ((index, rows.get(key)) for index, key in enumerate(keys))
        return {index: vector for index, vector in vectors if vector is not None}

    def save(self, vectors: Mapping[str, Sequence[float]]) -> None:
        """Save finished vectors, given by their text."""
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
                _enable_wal(connection)
                connection.execute(_SCHEMA)
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise ConfigurationError(
                f"embed_resume={str(self._path)!r} cannot be used as a resume store: {error}. Pass the path "
                "of a file in an existing, writable folder."
            ) from error


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging, in which readers do not block writers.

    SQLite's busy timeout does not apply to this switch, which fails at once while another process has a lock. So wait
    for that lock by taking it, and try again: the other process may have made the switch.
    """
    for left in reversed(range(_WAL_ATTEMPTS)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not left or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            connection.execute("BEGIN EXCLUSIVE")
            connection.rollback()
        else:
            return


def _rows(
    connection: sqlite3.Connection, keys: Iterable[bytes]
) -> Iterator[tuple[bytes, Sequence[float] | None]]:
    """Yield the saved vector of each key; None if it is damaged."""
    wanted = list(keys)
    for start in range(0, len(wanted), _MAX_VARIABLES):
        part = wanted[start : start + _MAX_VARIABLES]
        marks = ",".join("?" * len(part))
        query = f"SELECT key, kind, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608  only question marks
        for key, kind, packed in connection.execute(query, part):
            yield key, _unpacked(kind, packed)


def _unpacked(kind: object, packed: object) -> Sequence[float] | None:
    if kind not in _KINDS or not isinstance(packed, bytes):
        return None
    try:
        vector = array(kind, packed)
    except ValueError:  # not a whole number of elements
        return None
    if not vector or not all(map(math.isfinite, vector)):
        return None
    return vector if kind in _PACKED else vector.tolist()


def _packed(vector: Sequence[float]) -> tuple[str, bytes]:
    """Packed vectors stay packed. Lists of floats become doubles, lists of integers (int8, binary) short integers."""
    if isinstance(vector, array) and vector.typecode in _PACKED:
        return vector.typecode, vector.tobytes()
    kind = "d" if float in map(type, vector) else "h"
    return kind, array(kind, vector).tobytes()

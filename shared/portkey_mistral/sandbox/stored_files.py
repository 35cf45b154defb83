"""Files that are uploaded to a sandbox, and those that its batch jobs write. Their contents are on disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import IO, Any

__all__ = ["FileStore", "StoredFile"]

_PIECE = 64 * 1024


@dataclass(slots=True)
class StoredFile:
    """One file. `sample_type` and `source` have the values of Mistral's API."""

    id: str
    filename: str
    purpose: str
    sample_type: str
    source: str
    created_at: int
    _data: IO[bytes] = field(default_factory=tempfile.TemporaryFile, repr=False)
    _size: int = 0
    _lines: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __del__(self) -> None:
        self._data.close()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._lock:
            self._data.seek(self._size)
            self._data.write(data)
            self._size += len(data)
            self._lines += data.count(b"\n")

    def pieces(self) -> Iterator[bytes]:
        """Yield the content; several readers may do so at once."""
        at = 0
        while piece := self._read(at):
            at += len(piece)
            yield piece

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are not empty."""
        rest = b""
        for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            yield from filter(bytes.strip, whole)
        if rest.strip():
            yield rest

    def card(self) -> Mapping[str, Any]:
        """Return the file as the API describes it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self._size,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "sample_type": self.sample_type,
            "num_lines": self._lines,
            "mimetype": "application/jsonl" if self.filename.endswith(".jsonl") else None,
            "source": self.source,
        }

    def _read(self, at: int) -> bytes:
        with self._lock:
            self._data.seek(at)
            return self._data.read(_PIECE)


class FileStore:
    """The files of one sandbox by id. Thread-safe."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}
        self._lock = Lock()

    def add(self, file: StoredFile) -> StoredFile:
        with self._lock:
            self._files[file.id] = file
        return file

    def get(self, file_id: str) -> StoredFile | None:
        return self._files.get(file_id)

    def delete(self, file_id: str) -> bool:
        """Delete a file; return whether there was one. Who reads it can read on: the disk is freed afterwards."""
        with self._lock:
            return self._files.pop(file_id, None) is not None

    def all(self) -> tuple[StoredFile, ...]:
        with self._lock:
            return tuple(self._files.values())

    def clear(self) -> None:
        for file in self.all():
            self.delete(file.id)

"""Writes texts and their vectors as JSON lines, as a matrix for numpy, or as parquet, in bounded memory."""

from __future__ import annotations

import json
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeAlias

from portkey_mistral._json import without_surrogates
from portkey_mistral.cli.output_files import replacing
from portkey_mistral.exceptions import ConfigurationError

if TYPE_CHECKING:
    from portkey_mistral.cli.text_sources import TextRow
    from portkey_mistral.requests import EmbeddingDtype

__all__ = ["FORMATS", "VectorFormat", "VectorWriter", "format_of", "opened"]

VectorFormat: TypeAlias = Literal["jsonl", "npy", "parquet"]
FORMATS: tuple[VectorFormat, ...] = ("jsonl", "npy", "parquet")

_ROWS_PER_GROUP = 4096
_TYPECODES = {"float": "f", "int8": "b", "uint8": "B", "binary": "b", "ubinary": "B"}
"""The types of `array` for the numbers of each dtype; packed bits are whole numbers of eight bits."""


class VectorWriter(Protocol):
    """Writes rows with their vectors, which all have the same length and type."""

    def write(self, rows: Sequence[TextRow], vectors: Sequence[Sequence[float]]) -> None: ...

    def finish(self) -> None:
        """Write what is left."""
        ...


def format_of(path: Path | None) -> VectorFormat:
    """Return the format that the name of a file ends in; standard output gets JSON lines.

    Raises:
        ConfigurationError: it ends in none of them.
    """
    if path is None:
        return "jsonl"
    for each in FORMATS:
        if path.suffix.lower() == f".{each}":
            return each
    raise ConfigurationError(
        f"The name of {path} must end in one of {', '.join(f'.{each}' for each in FORMATS)}."
    )


@contextmanager
def opened(path: Path | None, model: str, dtype: EmbeddingDtype) -> Iterator[VectorWriter]:
    """Open a file for vectors. It has its name only once it is complete; None is standard output.

    Raises:
        ConfigurationError: a package that its format needs is missing.
        OSError: the file cannot be written.
    """
    if path is None:
        yield _Jsonl(sys.stdout, model, dtype)
        return
    make = _WRITERS[format_of(path)]
    with replacing(path) as file:
        writer = make(file, model, dtype)
        yield writer
        writer.finish()


class _Jsonl:
    def __init__(self, file: IO[str], model: str, dtype: EmbeddingDtype) -> None:  # noqa: ARG002  as all writers
        self._file = file

    def write(self, rows: Sequence[TextRow], vectors: Sequence[Sequence[float]]) -> None:
        for row, vector in zip(rows, vectors, strict=True):
            head = json.dumps({"source": row.source, "index": row.index, "text": row.text})
            # Nine digits identify every float32.
            numbers = ",".join(f"{number:.9g}" for number in vector)
            self._file.write(f'{head[:-1]}, "vector": [{numbers}]}}\n')

    def finish(self) -> None:
        self._file.flush()


class _JsonlFile(_Jsonl):
    def __init__(self, file: BinaryIO, model: str, dtype: EmbeddingDtype) -> None:
        self._text = TextIOWrapper(file, encoding="utf-8", newline="\n")
        super().__init__(self._text, model, dtype)

    def finish(self) -> None:
        self._text.detach()


class _Npy:
    """A matrix with a row for each text, in their order."""

    def __init__(self, file: BinaryIO, model: str, dtype: EmbeddingDtype) -> None:  # noqa: ARG002  as all writers
        try:
            import numpy as np
            from numpy.lib import format as npy
        except ImportError:
            raise ConfigurationError(
                "Writing .npy needs numpy: pip install numpy. Or write .jsonl, which needs no package."
            ) from None
        self._file, self._npy = file, npy
        self._typecode = _TYPECODES[dtype]
        self._descr = np.lib.format.dtype_to_descr(np.dtype(self._typecode))
        self._count = self._size = 0

    def write(self, rows: Sequence[TextRow], vectors: Sequence[Sequence[float]]) -> None:
        if not self._count:
            self._size = len(vectors[0])
            self._write_header()
        self._count += len(rows)
        for vector in vectors:
            self._file.write(_packed(vector, self._typecode))

    def finish(self) -> None:
        # The header leaves room for the number of rows to grow.
        self._file.seek(0)
        self._write_header()

    def _write_header(self) -> None:
        shape = (self._count, self._size)
        header = {"descr": self._descr, "fortran_order": False, "shape": shape}
        self._npy.write_array_header_1_0(self._file, header)


class _Parquet:
    """A table with the columns `source`, `index`, `text` and `vector`; its metadata has the model."""

    def __init__(self, file: BinaryIO, model: str, dtype: EmbeddingDtype) -> None:
        try:
            import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
            from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            raise ConfigurationError(
                "Writing .parquet needs pyarrow: pip install 'portkey-mistral[parquet]'. Or write .jsonl, which needs no package."
            ) from None
        self._pa, self._parquet = pa, parquet
        self._file, self._model = file, model
        self._typecode = _TYPECODES[dtype]
        self._writer: Any = None
        self._rows: list[TextRow] = []
        self._vectors: list[bytes] = []

    def write(self, rows: Sequence[TextRow], vectors: Sequence[Sequence[float]]) -> None:
        if self._writer is None:
            self._writer = self._open(len(vectors[0]))
        self._rows += rows
        self._vectors += (_packed(vector, self._typecode) for vector in vectors)
        if len(self._rows) >= _ROWS_PER_GROUP:
            self._write_group()

    def finish(self) -> None:
        self._write_group()
        self._writer.close()

    def _open(self, size: int) -> Any:
        pa = self._pa
        self._numbers = {"f": pa.float32(), "b": pa.int8(), "B": pa.uint8()}[self._typecode]
        self._size = size
        columns = (
            ("source", pa.string()),
            ("index", pa.int64()),
            ("text", pa.string()),
            ("vector", pa.list_(self._numbers, size)),
        )
        self._schema = pa.schema(columns, metadata={"model": self._model})
        return self._parquet.ParquetWriter(self._file, self._schema)

    def _write_group(self) -> None:
        pa, rows = self._pa, self._rows
        if not rows:
            return
        # Straight from the bytes of the vectors, without a Python object for each number.
        buffers = [None, pa.py_buffer(b"".join(self._vectors))]
        numbers = pa.Array.from_buffers(self._numbers, len(rows) * self._size, buffers)
        columns = (
            without_surrogates([row.source for row in rows]),
            [row.index for row in rows],
            without_surrogates([row.text for row in rows]),
            pa.FixedSizeListArray.from_arrays(numbers, self._size),
        )
        self._writer.write_table(pa.table(list(columns), schema=self._schema))
        self._rows, self._vectors = [], []


_WRITERS: Mapping[VectorFormat, Callable[[BinaryIO, str, EmbeddingDtype], VectorWriter]] = {
    "jsonl": _JsonlFile,
    "npy": _Npy,
    "parquet": _Parquet,
}


def _packed(vector: Sequence[float], typecode: str) -> bytes:
    """Return the numbers of a vector as bytes; one that arrived packed already is copied."""
    if isinstance(vector, array) and vector.typecode == typecode:
        return vector.tobytes()
    whole = typecode != "f"
    return array(typecode, map(int, vector) if whole else vector).tobytes()

"""The texts that are embedded: of files and folders, of rows of tables, or of standard input."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

from portkey_mistral.exceptions import ConfigurationError, InvalidRequestError

__all__ = ["STDIN", "Split", "TextRow", "count_texts", "read_texts"]

STDIN = "-"


class Split(StrEnum):
    """Whether a text file is one text, or each of its paragraphs or lines."""

    FILE = "file"
    PARAGRAPH = "paragraph"
    LINE = "line"


_TEXT_SUFFIXES = (".txt", ".md", ".rst", ".mdx", ".adoc")


@dataclass(frozen=True, slots=True)
class TextRow:
    """One text. `index` counts from 0 within its source, whose name is `source`."""

    source: str
    index: int
    text: str


def count_texts(sources: Sequence[str], *, field: str, split: Split | None) -> int | None:
    """Read all sources once, so that no error in them comes after the first request; None for standard input.

    Raises:
        InvalidRequestError: a source is not readable, or has no texts.
    """
    if STDIN in sources:
        return None
    count = sum(1 for _ in read_texts(sources, field=field, split=split))
    if not count:
        raise InvalidRequestError("These files contain no text.")
    return count


def read_texts(
    sources: Iterable[str], *, field: str, split: Split | None = None
) -> Iterator[TextRow]:
    """Yield the texts of all sources in order, reading them on demand.

    Tables (.jsonl, .csv, .tsv, .parquet) have a text in the column `field` of each row. Other files are one text each, and
    standard input one a line, unless `split` decides. Of a folder, tables and text files are read, sorted by path.

    Raises:
        InvalidRequestError: a source is not readable.
    """
    for source in sources:
        if source == STDIN:
            yield from _rows("stdin", _parts(sys.stdin, split or Split.LINE))
            continue
        for path in _files(Path(source)):
            yield from _rows(str(path), _texts_of(path, field, split or Split.FILE))


def _rows(source: str, texts: Iterable[str]) -> Iterator[TextRow]:
    for index, text in enumerate(texts):
        yield TextRow(source, index, text)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    known = (*_TABLES, *_TEXT_SUFFIXES)
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower() in known
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.is_file()
    ]
    if not files:
        raise InvalidRequestError(
            f"The folder {path} has no file whose name ends in {', '.join(known)}."
        )
    yield from files


def _texts_of(path: Path, field: str, split: Split) -> Iterator[str]:
    table = _TABLES.get(path.suffix.lower())
    try:
        if table is not None:
            yield from table(path, field)
            return
        with path.open(encoding="utf-8-sig") as file:
            yield from _parts(file, split)
    except UnicodeDecodeError:
        raise InvalidRequestError(
            f"{path} is not text encoded as UTF-8. For documents and images use `portkey-mistral ocr`."
        ) from None


def _parts(file: TextIO, split: Split) -> Iterator[str]:
    """Split a text; parts that are blank are left out."""
    if split is Split.FILE:
        parts: Iterable[str] = (file.read(),)
    else:
        parts = file if split is Split.LINE else _paragraphs(file)
    yield from filter(None, (part.strip() for part in parts))


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    paragraph: list[str] = []
    for line in lines:
        if line.strip():
            paragraph.append(line)
        else:
            yield "".join(paragraph)
            paragraph = []
    yield "".join(paragraph)


# --- tables -----------------------------------------------------------------------------------------


def _jsonl(path: Path, field: str) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InvalidRequestError(f"{path}, line {number} is not JSON: {error}.") from None
            if not isinstance(value, str | dict):
                raise InvalidRequestError(
                    f"{path}, line {number} must be a JSON object or string, got {type(value).__name__}."
                )
            row = {field: value} if isinstance(value, str) else value
            yield _cell(row, field, f"{path}, line {number}")


def _csv(path: Path, field: str) -> Iterator[str]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        for row in reader:
            yield _cell(row, field, f"{path}, line {reader.line_num}")


def _parquet(path: Path, field: str) -> Iterator[str]:
    try:
        from pyarrow import (  # pyright: ignore[reportMissingTypeStubs]
            ArrowException,
            parquet,
        )
    except ImportError:
        raise ConfigurationError(
            f"Reading {path} needs pyarrow: pip install 'portkey-mistral[parquet]'."
        ) from None
    try:
        file = parquet.ParquetFile(path)
        _check_column(file.schema_arrow.names, field, str(path))
        number = 0
        for batch in file.iter_batches(columns=[field], batch_size=1024):
            for row in batch.to_pylist():
                number += 1
                yield _cell(row, field, f"{path}, row {number}")
    except ArrowException as error:
        raise InvalidRequestError(f"{path} cannot be read as parquet: {error}.") from None


_TABLES: Mapping[str, Callable[[Path, str], Iterator[str]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}


def _cell(row: Mapping[str, Any], field: str, where: str) -> str:
    _check_column(row, field, where)
    text = row[field]
    if not isinstance(text, str) or not text.strip():
        raise InvalidRequestError(f"{where}: {field!r} must be a text that is not blank.")
    return text


def _check_column(columns: Iterable[str], field: str, where: str) -> None:
    if field not in columns:
        raise InvalidRequestError(
            f"{where} has no {field!r}, only {', '.join(map(repr, columns))}. Pass the column of the texts as --field."
        )

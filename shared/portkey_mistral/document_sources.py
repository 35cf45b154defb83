"""Finds the documents that OCR is to read: paths, folders, URLs and bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from portkey_mistral.documents import (
    MAX_OCR_BYTES,
    OCR_SUFFIXES,
    decode_data_url,
    ocr_document,
)
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.messages import DocumentPart, ImagePart

__all__ = ["DocumentSource", "OneSource", "sources_of"]

OneSource: TypeAlias = str | Path | bytes
"""A path of a file or a folder, a URL, or the bytes of a document."""

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """One document. `name` is its path, its URL without query and password, or a hash of its bytes."""

    name: str
    content: OneSource = field(repr=False)

    def read(self) -> DocumentPart | ImagePart:
        """Read the document, if it is not elsewhere, and check its size and type.

        Raises:
            InvalidRequestError: it cannot be read, or OCR does not accept it.
        """
        match self.content:
            case bytes(data):
                return ocr_document(data)
            case Path() as path:
                return ocr_document(_bytes_of(path), name=path.name)
            case str(url) if url.startswith("data:"):
                data, mime_type = decode_data_url(url)
                return ocr_document(data, mime_type=mime_type)
            case url:
                is_image = urlsplit(url).path.lower().endswith(_IMAGE_SUFFIXES)
                return ImagePart(url) if is_image else DocumentPart(url)


def sources_of(source: Any, *, glob: str = "**/*") -> Iterator[DocumentSource]:
    """Yield the documents of a source, or of several, in order; those of a folder are sorted by path.

    Of a folder, hidden files and those whose suffix OCR does not read are left out.

    Raises:
        InvalidRequestError: the source is none of these, or a folder has no document that matches `glob`.
    """
    if isinstance(source, str | Path | bytes):
        yield from _sources_of_one(source, glob)
        return
    if not isinstance(source, Iterable):
        raise InvalidRequestError(
            f"A source of documents must be a path, a URL, bytes, or a list of these, got {type(source).__name__}."
        )
    for each in source:
        if not isinstance(each, str | Path | bytes):
            raise InvalidRequestError(
                f"A source of documents must be a path, a URL or bytes, got {type(each).__name__}."
            )
        yield from _sources_of_one(each, glob)


def _sources_of_one(source: OneSource, glob: str) -> Iterator[DocumentSource]:
    if isinstance(source, bytes):
        yield DocumentSource(f"bytes-{sha256(source).hexdigest()[:16]}", source)
    elif isinstance(source, str) and source.startswith("data:"):
        yield DocumentSource(f"data-{sha256(source.encode()).hexdigest()[:16]}", source)
    elif isinstance(source, str) and source.startswith(("https://", "http://")):
        yield DocumentSource(_public_url(source), source)
    elif (path := Path(source)).is_dir():
        yield from _files_in(path, glob)
    else:
        yield DocumentSource(str(path), path)


def _files_in(folder: Path, glob: str) -> Iterator[DocumentSource]:
    files = [
        file
        for file in sorted(folder.glob(glob))
        if file.suffix.lower() in OCR_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    ]
    if not files:
        raise InvalidRequestError(
            f"The folder {str(folder)!r} has no document that matches {glob!r}. OCR reads "
            f"{', '.join(sorted(OCR_SUFFIXES))}."
        )
    yield from (DocumentSource(str(file), file) for file in files)


def _public_url(url: str) -> str:
    """Return a URL without its password and its query, which may be a signature."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_OCR_BYTES:
            raise InvalidRequestError(
                f"{path} is larger than {MAX_OCR_BYTES // 2**20} MB, the most that OCR reads: split it."
            )
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidRequestError(f"{path} cannot be read: {reason}.") from None

"""Finds the documents that OCR is to read: paths, folders, URLs and bytes."""

from __future__ import annotations

import re
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

__all__ = ["DocumentSource", "OneSource", "each_source", "one_source", "sources_of"]

OneSource: TypeAlias = str | Path | bytes
"""A path of a file or a folder, a URL, or the bytes of a document."""

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")


_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DocumentSource:
    """One document. `name` is its path, its URL without query and password, or a hash of its bytes."""

    name: str
    content: OneSource = field(repr=False)

    @property
    def key(self) -> str:
        """What tells the document from all others. The query of a URL is part of it, and may be secret."""
        match self.content:
            case str(url) if _scheme(url):
                return url
            case _:
                return self.name

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
                if (scheme := _scheme(url)) not in ("https", "http"):
                    raise InvalidRequestError(
                        f"{self.name} cannot be read: OCR reads URLs that begin with https:// or http://, not {scheme}://. "
                        "Pass the path of the file, or its bytes."
                    )
                is_image = urlsplit(url).path.lower().endswith(_IMAGE_SUFFIXES)
                return ImagePart(url) if is_image else DocumentPart(url)


def sources_of(source: Any, *, glob: str = "**/*") -> Iterator[DocumentSource]:
    """Yield the documents of a source, or of several, in order; those of a folder are sorted by path.

    Of a folder, hidden files and those whose suffix OCR does not read are left out.

    Raises:
        InvalidRequestError: the source is none of these, or a folder has no document that matches `glob`.
    """
    for each in each_source(source):
        yield from _sources_of_one(each, glob)


def each_source(source: Any) -> Iterator[OneSource]:
    """Yield a source, or each of several.

    Raises:
        InvalidRequestError: one is none.
    """
    one = one_source(source)
    if one is not None:
        yield one
        return
    if not isinstance(source, Iterable) or hasattr(source, "read"):
        raise _no_source(source, "a path, a URL, bytes, or a list of these")
    for each in source:
        one = one_source(each)
        if one is None:
            raise _no_source(each, "a path, a URL or bytes")
        yield one


def one_source(source: object) -> OneSource | None:
    """Return a source; None for what is not one."""
    match source:
        case "":
            # As a path it would be the current folder, whose documents nobody asked for.
            raise InvalidRequestError("A source of documents is an empty text.")
        case str() | Path() | bytes():
            return source
        case bytearray() | memoryview():
            return bytes(source)
        case _:
            return None


def _no_source(source: object, expected: str) -> InvalidRequestError:
    hint = "; pass what its read() returns" if hasattr(source, "read") else ""
    return InvalidRequestError(
        f"A source of documents must be {expected}, got {type(source).__name__}{hint}."
    )


def _sources_of_one(source: OneSource, glob: str) -> Iterator[DocumentSource]:
    if isinstance(source, bytes):
        yield DocumentSource(f"bytes-{sha256(source).hexdigest()[:16]}", source)
    elif isinstance(source, str) and source.startswith("data:"):
        yield DocumentSource(f"data-{sha256(source.encode()).hexdigest()[:16]}", source)
    elif _scheme(source):
        yield DocumentSource(_public_url(str(source)), source)
    elif _is_folder(path := Path(source)):
        yield from _files_in(path, glob)
    else:
        yield DocumentSource(str(path), path)


def _scheme(source: OneSource) -> str | None:
    """Return the scheme of a URL; None for what is none, and for a `data:` URL."""
    found = _SCHEME.match(source) if isinstance(source, str) else None
    return found and found[1].lower()


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # reading it raises the error of this document


def _files_in(folder: Path, glob: str) -> Iterator[DocumentSource]:
    try:
        matching = sorted(folder.glob(glob))
    except (ValueError, NotImplementedError) as error:
        raise InvalidRequestError(f"glob={glob!r} is no pattern of paths: {error}.") from None
    files = [
        file
        for file in matching
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
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidRequestError(f"{path} cannot be read: {reason}.") from None

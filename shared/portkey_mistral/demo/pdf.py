"""Writes small PDF documents: text in Helvetica, and JPEG images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["PDFImage", "make_pdf"]

_WIDTH, _HEIGHT, _MARGIN = 595, 842, 56  # A4, in points
_SIZE, _LEADING = 11, 15
_FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


@dataclass(frozen=True, slots=True)
class PDFImage:
    """A JPEG file with its width and height in pixels. It is drawn 200 points wide at the bottom of a page."""

    jpeg: bytes
    width: int
    height: int


def make_pdf(pages: Sequence[Sequence[str]], image: PDFImage | None = None) -> bytes:
    """Return a PDF whose pages have these lines. `image` is drawn on the first page."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", _FONT, _image_object(image)]
    kids = []
    for number, lines in enumerate(pages):
        drawn = image if number == 0 else None
        kids.append(f"{len(objects) + 1} 0 R")
        resources = "/Font << /F1 3 0 R >>" + (" /XObject << /Im0 4 0 R >>" if drawn else "")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] "
            f"/Resources << {resources} >> /Contents {len(objects) + 2} 0 R >>".encode()
        )
        objects.append(_stream(b"", _content(lines, drawn)))
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    return _file(objects)


def _content(lines: Sequence[str], image: PDFImage | None) -> bytes:
    start = f"BT /F1 {_SIZE} Tf {_LEADING} TL {_MARGIN} {_HEIGHT - _MARGIN} Td"
    text = b"".join(b"(" + _escaped(line) + b") Tj T*\n" for line in lines)
    drawing = b""
    if image is not None:
        height = round(200 * image.height / image.width)
        drawing = f"q 200 0 0 {height} {_MARGIN} {_MARGIN} cm /Im0 Do Q\n".encode()
    return start.encode() + b"\n" + text + b"ET\n" + drawing


def _escaped(line: str) -> bytes:
    encoded = line.encode("cp1252", "replace")
    for character in (b"\\", b"(", b")"):
        encoded = encoded.replace(character, b"\\" + character)
    return encoded


def _image_object(image: PDFImage | None) -> bytes:
    if image is None:
        return b"null"
    dictionary = (
        f"/Type /XObject /Subtype /Image /Width {image.width} /Height {image.height} "
        "/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /DCTDecode"
    )
    return _stream(dictionary.encode(), image.jpeg)


def _stream(dictionary: bytes, data: bytes) -> bytes:
    head = dictionary + b" /Length " + str(len(data)).encode()
    return b"<< " + head + b" >>\nstream\n" + data + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    data, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    rows = b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    size = len(objects) + 1
    table = f"xref\n0 {size}\n0000000000 65535 f \n".encode() + rows
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(data)}\n%%EOF\n"
    return data + table + trailer.encode()

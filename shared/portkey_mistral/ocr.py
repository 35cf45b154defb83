"""What OCR returns: the pages of a document as Markdown, with their images, tables and annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from portkey_mistral.responses import CallInfo, Usage

__all__ = ["OCRDimensions", "OCRImage", "OCRPage", "OCRResponse", "OCRTable"]


@dataclass(frozen=True, slots=True)
class OCRDimensions:
    """Size of a page as it was read: height and width in pixels at `dpi` dots per inch."""

    dpi: int
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class OCRImage:
    """An image on a page. The Markdown refers to it as `![id](id)`.

    Attributes:
        id: Its name, "img-0.jpeg" for example.
        box: Left, top, right and bottom edge in pixels of the page; None where the server did not report them.
        data_url: The image as a `data:` URL; None unless it was requested.
        annotation: What `bbox_annotation_format` describes, as a dictionary; None without it.
    """

    id: str
    box: tuple[int, int, int, int] | None = None
    data_url: str | None = None
    annotation: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class OCRTable:
    """A table that was returned apart from the Markdown, which refers to it as `[id](id)`."""

    id: str
    content: str
    format: str


@dataclass(frozen=True, slots=True)
class OCRPage:
    """One page. `index` counts from 0. `raw` is the page as the server sent it, with blocks and confidence scores."""

    index: int
    markdown: str
    images: tuple[OCRImage, ...] = ()
    tables: tuple[OCRTable, ...] = ()
    dimensions: OCRDimensions | None = None
    header: str | None = None
    footer: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def text(self) -> str:
        """The Markdown with its tables in place."""
        text = self.markdown
        for table in self.tables:
            text = text.replace(f"[{table.id}]({table.id})", table.content)
        return text


@dataclass(frozen=True, slots=True)
class OCRResponse:
    """A document that was read. `annotation` follows `document_annotation_format`, as a dictionary."""

    model: str
    pages: tuple[OCRPage, ...]
    annotation: Mapping[str, Any] | None = None
    usage: Usage | None = None
    info: CallInfo = field(default_factory=CallInfo)

    @property
    def text(self) -> str:
        """The text of all pages, with an empty line between them."""
        return "\n\n".join(page.text for page in self.pages)

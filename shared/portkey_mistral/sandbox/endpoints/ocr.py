"""OCR: the pages of a document as Markdown."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from html import escape
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Discriminator, Field
from pydantic_core import to_json

from portkey_mistral.sandbox import limits
from portkey_mistral.sandbox.brain.schema_values import fill
from portkey_mistral.sandbox.documents import DPI, Page, Picture, data_of, read_document
from portkey_mistral.sandbox.endpoints.request import SandboxRequest, parse, request_limits
from portkey_mistral.sandbox.errors import invalid_args, unknown_file
from portkey_mistral.sandbox.faults import damaged
from portkey_mistral.sandbox.json_schema.schemas import schema_error
from portkey_mistral.sandbox.request_models import (
    Closed,
    Count,
    DocumentURLChunk,
    FileChunk,
    ImageURL,
    ImageURLChunk,
    ResponseFormat,
)
from portkey_mistral.sandbox.responses import SandboxResponse, json_response

__all__ = ["ocr"]

_TABLE = re.compile(r"^\|.*\|$(?:\n^\|.*\|$)+", re.MULTILINE)
_FOOTER = re.compile(r"\n(?P<footer>(?:Page )?\d+(?: of \d+)?)$")
_PICTURE_TEXT = "An image with the name {name}."


class _TableFormat(StrEnum):
    MARKDOWN = "markdown"
    HTML = "html"


class _Granularity(StrEnum):
    WORD = "word"
    PAGE = "page"
    BLOCK = "block"


class _Request(Closed):
    model: str
    document: Annotated[FileChunk | DocumentURLChunk | ImageURLChunk, Discriminator("type")]
    id: str | None = None
    pages: list[Count] | Annotated[str, Field(pattern=r"^\d+(-\d+)?(,\d+(-\d+)?)*$")] | None = None
    include_image_base64: bool | None = None
    image_limit: Count | None = None
    image_min_size: Count | None = None
    bbox_annotation_format: ResponseFormat | None = None
    document_annotation_format: ResponseFormat | None = None
    document_annotation_prompt: str | None = None
    table_format: _TableFormat | None = None
    extract_header: bool = False
    extract_footer: bool = False
    include_blocks: bool = False
    confidence_scores_granularity: _Granularity | None = None


def ocr(request: SandboxRequest) -> SandboxResponse:
    """Answer `POST /v1/ocr`."""
    params = parse(_Request, request.body)
    limits.require_model(params.model, "ocr", today=request.today)
    for wanted in (params.bbox_annotation_format, params.document_annotation_format):
        _check_format(wanted)
    data, pages = _document(params.document, request)
    if (scripted := request.scripted()) is not None and isinstance(scripted.content, str):
        pages = [Page(text) for text in scripted.content.split("\f")]
    chosen = _chosen(params.pages, len(pages))
    results = list(_results(params, [(index, pages[index]) for index in chosen]))
    body = {
        "pages": results,
        "model": params.model,
        "document_annotation": _annotation(
            params.document_annotation_format, "\n".join(pages[index].text for index in chosen)
        ),
        "usage_info": {"pages_processed": len(results), "doc_size_bytes": len(data)},
    }
    response = json_response(body, headers=request_limits())
    response.steps = damaged(response.steps, request.fault)
    return response


def _document(
    chunk: FileChunk | DocumentURLChunk | ImageURLChunk, request: SandboxRequest
) -> tuple[bytes, Sequence[Page]]:
    if isinstance(chunk, FileChunk):
        file = request.jobs.files.get(str(chunk.file_id))
        if file is None:
            raise unknown_file()
        data = b"".join(file.pieces())
        return data, read_document(data, is_pdf=file.filename.lower().endswith(".pdf"))
    url = _url(chunk)
    found = data_of(url)
    if found is None:
        address = urlsplit(url)  # the sandbox has no network
        return b"", [Page(f"The document at {address.hostname}{address.path}")]
    is_pdf = url.startswith("data:application/pdf")
    return found, read_document(found, is_pdf=is_pdf)


def _url(chunk: DocumentURLChunk | ImageURLChunk) -> str:
    if isinstance(chunk, DocumentURLChunk):
        return chunk.document_url
    return chunk.image_url.url if isinstance(chunk.image_url, ImageURL) else chunk.image_url


def _chosen(wanted: Sequence[int] | str | None, count: int) -> Sequence[int]:
    """Return the indices of the requested pages; those that the document does not have are left out."""
    if wanted is None:
        return range(count)
    if isinstance(wanted, str):
        bounds = [part.split("-") for part in wanted.split(",")]
        ranges = [range(int(ends[0]), min(int(ends[-1]), count - 1) + 1) for ends in bounds]
        wanted = [index for each in ranges for index in each]
    return [index for index in wanted if index < count]


def _results(params: _Request, pages: Sequence[tuple[int, Page]]) -> Iterator[Mapping[str, Any]]:
    images = tables = 0
    for index, page in pages:
        pictures = [each for each in page.pictures if _is_large(each, params.image_min_size)]
        if params.image_limit is not None:
            pictures = pictures[: max(0, params.image_limit - images)]
        names = [f"img-{images + number}.jpeg" for number in range(len(pictures))]
        footer = _FOOTER.search(page.text) if params.extract_footer else None
        text = page.text if footer is None else page.text[: footer.start()]
        text, extracted = _without_tables(text, params.table_format, tables)
        text = "\n\n".join(filter(None, [text, *(f"![{name}]({name})" for name in names)]))
        images, tables = images + len(names), tables + len(extracted)
        height, width = page.size
        yield {
            "index": index,
            "markdown": text,
            "images": [*map(_image, names, pictures, [params] * len(names))],
            "tables": extracted,
            "hyperlinks": [],
            "header": None,
            "footer": None if footer is None else footer["footer"],
            "dimensions": {"dpi": DPI, "height": height, "width": width},
        }


def _is_large(picture: Picture, least: int | None) -> bool:
    left, top, right, bottom = picture.box
    return least is None or min(right - left, bottom - top) >= least


def _image(name: str, picture: Picture, params: _Request) -> Mapping[str, Any]:
    left, top, right, bottom = picture.box
    data = base64.b64encode(picture.data).decode()
    return {
        "id": name,
        "top_left_x": left,
        "top_left_y": top,
        "bottom_right_x": right,
        "bottom_right_y": bottom,
        "image_base64": f"data:image/jpeg;base64,{data}" if params.include_image_base64 else None,
        "image_annotation": _annotation(
            params.bbox_annotation_format, _PICTURE_TEXT.format(name=name)
        ),
    }


def _without_tables(
    text: str, wanted: _TableFormat | None, first: int
) -> tuple[str, list[Mapping[str, Any]]]:
    """Take the Markdown tables out of a text, if they are wanted apart."""
    found: list[Mapping[str, Any]] = []
    if wanted is None:
        return text, found

    def replace(match: re.Match[str]) -> str:
        name = f"tbl-{first + len(found)}.{'md' if wanted is _TableFormat.MARKDOWN else 'html'}"
        content = match[0] if wanted is _TableFormat.MARKDOWN else _as_html(match[0])
        found.append({"id": name, "content": content, "format": wanted.value})
        return f"[{name}]({name})"

    return _TABLE.sub(replace, text), found


def _as_html(table: str) -> str:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.split("\n")]
    filled = [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)]
    cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in filled)
    return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"


def _check_format(wanted: ResponseFormat | None) -> None:
    if wanted is None:
        return
    if wanted.json_schema is None:
        raise invalid_args("An annotation format of OCR needs type json_schema and a json_schema")
    if error := schema_error(wanted.json_schema.definition):
        raise invalid_args(f"Invalid schema of an annotation: {error}")


def _annotation(wanted: ResponseFormat | None, text: str) -> str | None:
    if wanted is None or wanted.json_schema is None:
        return None
    return to_json(fill(wanted.json_schema.definition, text)).decode()

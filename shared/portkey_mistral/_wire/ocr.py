"""Decodes responses of OCR."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from portkey_mistral._json import loads
from portkey_mistral._wire.json_members import integer, string
from portkey_mistral._wire.malformed import MalformedResponse, json_object
from portkey_mistral.ocr import OCRDimensions, OCRImage, OCRPage, OCRResponse, OCRTable
from portkey_mistral.responses import Usage

__all__ = ["decode_ocr"]

_BOX = ("top_left_x", "top_left_y", "bottom_right_x", "bottom_right_y")


def decode_ocr(body: object) -> OCRResponse:
    """Decode a response.

    Raises:
        MalformedResponse: it has no pages with Markdown, or an annotation that is not a JSON object.
    """
    response = json_object(body, "the response")
    pages = _objects(response, "pages", required=True)
    decoded = tuple(_page(page, at) for at, page in enumerate(pages))
    annotation = _annotation(response.get("document_annotation"), "document_annotation")
    return OCRResponse(
        model=string(response, "model") or "",
        pages=decoded,
        annotation=annotation,
        usage=_usage(response.get("usage_info"), decoded, is_annotated=annotation is not None),
    )


def _page(raw: Mapping[str, Any], at: int) -> OCRPage:
    markdown = raw.get("markdown")
    if not isinstance(markdown, str):
        raise MalformedResponse(f"pages[{at}] has no markdown")
    index = integer(raw, "index")
    return OCRPage(
        index=at if index is None else index,
        markdown=markdown,
        images=tuple(map(_image, _objects(raw, "images"))),
        tables=tuple(map(_table, _objects(raw, "tables"))),
        dimensions=_dimensions(raw.get("dimensions")),
        header=string(raw, "header"),
        footer=string(raw, "footer"),
        raw=raw,
    )


def _image(raw: Mapping[str, Any]) -> OCRImage:
    left, top, right, bottom = (integer(raw, name) for name in _BOX)
    box = None
    if left is not None and top is not None and right is not None and bottom is not None:
        box = left, top, right, bottom
    return OCRImage(
        id=string(raw, "id") or "",
        box=box,
        data_url=string(raw, "image_base64") or None,
        annotation=_annotation(raw.get("image_annotation"), "image_annotation"),
    )


def _table(raw: Mapping[str, Any]) -> OCRTable:
    return OCRTable(
        string(raw, "id") or "", string(raw, "content") or "", string(raw, "format") or "markdown"
    )


def _dimensions(raw: object) -> OCRDimensions | None:
    if not isinstance(raw, dict):
        return None
    dpi, height, width = (integer(raw, name) for name in ("dpi", "height", "width"))
    if dpi is None or height is None or width is None:
        return None
    return OCRDimensions(dpi, height, width)


def _annotation(raw: object, what: str) -> Mapping[str, Any] | None:
    """Decode an annotation, which is JSON within a string. An empty one is sent where none was requested."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, str):
        try:
            raw = loads(raw.encode())
        except ValueError:
            raise MalformedResponse(f"the {what} is not JSON") from None
    return json_object(raw, f"the {what}")


def _usage(raw: object, pages: tuple[OCRPage, ...], *, is_annotated: bool) -> Usage | None:
    processed = integer(raw, "pages_processed") if isinstance(raw, dict) else None
    if processed is None:
        return None
    annotated = is_annotated or any(image.annotation for page in pages for image in page.images)
    return Usage(pages=processed, annotated_pages=processed if annotated else 0)


def _objects(
    raw: Mapping[str, Any], name: str, *, required: bool = False
) -> list[Mapping[str, Any]]:
    items = raw.get(name)
    if not isinstance(items, list):
        if required:
            raise MalformedResponse(f"the response has no {name}")
        return []
    return [json_object(item, f"{name}[{at}]") for at, item in enumerate(items)]

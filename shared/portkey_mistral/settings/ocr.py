"""The OCR parameters that the document loaders of both adapters inherit as fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from portkey_mistral.messages import DocumentPart, FilePart, ImagePart
from portkey_mistral.requests import OCRRequest, ResponseFormat
from portkey_mistral.settings.field_docstrings import DocumentedFields

__all__ = ["AnnotationSchema", "OCRSettings"]

AnnotationSchema = type[BaseModel] | dict[str, Any] | None
"""What an annotation has to look like: a pydantic class, or a JSON schema."""


class OCRSettings(DocumentedFields):
    """Fields shared by `PortkeyMistralOCRLoader` and `PortkeyMistralReader`."""

    split_pages: bool = True
    """One document for each page; False makes one of each file."""
    pages: list[int] | str | None = None
    """Pages to read, counted from 0: a list, or a text such as "0-5,7". None reads all."""
    include_images: bool = False
    """Put the images of a page, as data: URLs, into its metadata."""
    image_limit: int | None = Field(default=None, ge=0)
    """Largest number of images."""
    image_min_size: int | None = Field(default=None, ge=0)
    """Smallest height and width of images, in pixels."""
    table_format: Literal["markdown", "html"] | None = None
    """Format of tables within the text; None leaves it to the model."""
    extract_header: bool | None = None
    """Take page headers out of the text, into the metadata."""
    extract_footer: bool | None = None
    """Take page footers out of the text, into the metadata."""
    document_annotation: AnnotationSchema = None
    """Pydantic class or JSON schema of what to extract from each document."""
    document_annotation_prompt: str | None = None
    """Instructions for `document_annotation`."""
    bbox_annotation: AnnotationSchema = None
    """Pydantic class or JSON schema by which to describe each image."""
    on_error: Literal["raise", "skip"] | Callable[[str, Exception], None] = Field(
        default="raise", exclude=True
    )
    """What a document that cannot be read does: "raise" its error, "skip" the document with a warning in the log, or a
    function that receives its name and the error.
    """

    def ocr_request(
        self,
        model: str,
        document: DocumentPart | ImagePart | FilePart,
        extra: Mapping[str, Any],
    ) -> OCRRequest:
        """Return the request for a document. `extra` are further members of the body."""
        return OCRRequest(
            model=model,
            document=document,
            pages=self.pages,
            include_image_base64=self.include_images or None,
            image_limit=self.image_limit,
            image_min_size=self.image_min_size,
            bbox_annotation_format=_format(self.bbox_annotation),
            document_annotation_format=_format(self.document_annotation),
            document_annotation_prompt=self.document_annotation_prompt,
            table_format=self.table_format,
            extract_header=self.extract_header,
            extract_footer=self.extract_footer,
            extra=extra,
        )


def _format(schema: AnnotationSchema) -> ResponseFormat | None:
    if schema is None:
        return None
    if isinstance(schema, dict):
        return ResponseFormat("json_schema", name=schema.get("title"), schema=schema, strict=True)
    return ResponseFormat(
        "json_schema", name=schema.__name__, schema=schema.model_json_schema(), strict=True
    )

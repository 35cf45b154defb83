"""`PortkeyMistralOCRLoader`: documents read by Mistral's OCR."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

from langchain_portkey_mistral.errors import langchain_errors
from portkey_mistral import ConnectedSettings
from portkey_mistral.document_sources import OneSource, each_source, one_source, sources_of
from portkey_mistral.messages import DocumentPart, ImagePart
from portkey_mistral.ocr_reading import DocumentText, OCRReading
from portkey_mistral.requests import OCRRequest
from portkey_mistral.settings.connection import MODEL_CONFIG, BodyExtras
from portkey_mistral.settings.ocr import OCRSettings

__all__ = ["PortkeyMistralOCRLoader"]


def _sources(value: Any) -> OneSource | list[OneSource]:
    one = one_source(value)
    return list(each_source(value)) if one is None else one


class PortkeyMistralOCRLoader(ConnectedSettings, OCRSettings, BaseModel, BaseLoader):
    """Loads PDF files, office documents and images as Markdown, by Mistral's OCR.

    Setup:
        Install the package with its extras, and set a key:

        ```bash
        pip install "portkey-mistral[langchain,ocr]"
        export MISTRAL_API_KEY="your-key"
        ```

    Key init args (documents):
        source: Path of a file or a folder, URL, bytes, or a list of these.
        glob: Which files of a folder are loaded.
        split_pages: One `Document` for each page (default), or for each file.
        pages, table_format, include_images, extract_header, extract_footer: What is read, and how.
        document_annotation, bbox_annotation: Pydantic classes of what to extract from each document, and from each image.
        on_error: "raise" (default), "skip", or a function that receives a document's name and its error.

    Key init args (client params):
        model, api_key, base_url, portkey_api_key, portkey_config, timeout, ...: As for `ChatPortkeyMistral`.
        max_concurrency: Number of documents that are read at once, 4 by default.

    Instantiate and load:
        ```python
        from langchain_portkey_mistral import PortkeyMistralOCRLoader

        loader = PortkeyMistralOCRLoader("https://example.com/report.pdf")
        documents = loader.load()
        assert documents[0].metadata["page"] == 0
        ```

    Lazy and async:
        ```python
        import asyncio


        async def pages() -> int:
            return len([document async for document in loader.alazy_load()])


        assert asyncio.run(pages()) == 1
        ```

    Raises:
        ConfigurationError: at construction, for an argument that is invalid, unknown or out of place.
        InvalidRequestError: from loading, for a document that OCR does not read; nothing is sent.
        ModelError: from loading; see `ChatPortkeyMistral`.
    """

    model_config = MODEL_CONFIG

    source: Annotated[OneSource | list[OneSource], BeforeValidator(_sources)] = Field(
        repr=False, validation_alias=AliasChoices("source", "file_path")
    )
    """Path of a file or a folder, URL, bytes, or a list of these."""
    glob: str = "**/*"
    """Which files of a folder are loaded."""
    model: str = Field(
        default="mistral-ocr-latest", validation_alias=AliasChoices("model", "model_name")
    )
    """Model id or alias."""
    model_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("model_kwargs", "extra_body")
    )
    """Parameters to add to the request body that have no field here."""

    if not TYPE_CHECKING:  # type checkers use the signature that pydantic derives from the fields

        def __init__(
            self, source: str | Path | bytes | list[Any] | None = None, /, **fields: Any
        ) -> None:
            super().__init__(**fields if source is None else {"source": source, **fields})

    def lazy_load(self) -> Iterator[Document]:
        """Yield the documents in the order of the sources, as they are read."""
        with langchain_errors():
            sources = sources_of(self.source, glob=self.glob)
            with closing(self._reading().read(sources)) as texts:
                for text in texts:
                    yield _document(text)

    async def alazy_load(self) -> AsyncIterator[Document]:
        """The async version of `lazy_load`."""
        with langchain_errors():
            sources = sources_of(self.source, glob=self.glob)
            async with aclosing(self._reading().aread(sources)) as texts:
                async for text in texts:
                    yield _document(text)

    def _reading(self) -> OCRReading:
        return OCRReading(self.client, self, self._request)

    def _request(self, document: DocumentPart | ImagePart) -> OCRRequest:
        return self.ocr_request(self.model, document, self.model_kwargs)


def _document(text: DocumentText) -> Document:
    return Document(page_content=text.text, metadata=text.metadata, id=text.id)

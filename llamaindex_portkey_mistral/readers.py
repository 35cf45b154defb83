"""`PortkeyMistralReader`: documents read by Mistral's OCR."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llama_index.core.readers.base import BasePydanticReader
from llama_index.core.schema import Document
from pydantic import AliasChoices, Field

from llamaindex_portkey_mistral._pickling import PicklableMixin
from portkey_mistral import ConnectedSettings
from portkey_mistral.document_sources import DocumentSource, OneSource, sources_of
from portkey_mistral.messages import DocumentPart, ImagePart
from portkey_mistral.ocr_reading import DocumentText, OCRReading
from portkey_mistral.requests import OCRRequest
from portkey_mistral.settings.connection import MODEL_CONFIG, BodyExtras
from portkey_mistral.settings.ocr import OCRSettings

__all__ = ["PortkeyMistralReader"]

# Neither says anything about the text of a node.
_NOT_FOR_MODELS = ("images", "document_annotation")


class PortkeyMistralReader(ConnectedSettings, OCRSettings, PicklableMixin, BasePydanticReader):
    """Reads PDF files, office documents and images as Markdown, by Mistral's OCR.

    Takes the connection fields of `ConnectionSettings`. `max_concurrency` documents, 4 by default, are read at once. Ids of
    documents are the same in every run, so an `IngestionPipeline` with a document store recognises them. As
    `file_extractor` of a `SimpleDirectoryReader` it reads one file at a time.

    Raises:
        ConfigurationError: on construction, if an argument is unknown or arguments contradict each other.
        InvalidRequestError: on loading, for a document that OCR does not read; nothing is sent.
        APIError: on loading, if a call failed.

    Example:
        >>> from llamaindex_portkey_mistral import PortkeyMistralReader
        >>> reader = PortkeyMistralReader(base_url="sandbox:")
        >>> documents = reader.load_data("https://example.com/report.pdf")
        >>> documents[0].metadata["page_label"]
        '1'
    """

    model_config = MODEL_CONFIG

    is_remote: bool = True
    """Documents are read by a remote API."""
    model_name: str = Field(
        default="mistral-ocr-latest", validation_alias=AliasChoices("model_name", "model")
    )
    """Id or alias of the model."""
    additional_kwargs: BodyExtras = Field(
        default_factory=dict, validation_alias=AliasChoices("additional_kwargs", "extra_body")
    )
    """Body fields that this version does not know, sent with every request."""

    @classmethod
    def class_name(cls) -> str:
        return "PortkeyMistralReader"

    def lazy_load_data(
        self,
        source: OneSource | list[OneSource],
        *,
        extra_info: Mapping[str, Any] | None = None,
        glob: str = "**/*",
        fs: Any = None,
    ) -> Iterator[Document]:
        """Yield the documents in the order of the sources, as they are read.

        Args:
            source: Path of a file or a folder, URL, bytes, or a list of these.
            extra_info: Metadata to add to every document.
            glob: Which files of a folder are read.
            fs: The fsspec file system that has the file at the path `source`.
        """
        for text in self._reading().read(_sources(source, glob, fs)):
            yield _document(text, extra_info)

    def load_data(
        self,
        source: OneSource | list[OneSource],
        *,
        extra_info: Mapping[str, Any] | None = None,
        glob: str = "**/*",
        fs: Any = None,
    ) -> list[Document]:
        """Return all documents; see `lazy_load_data`."""
        return list(self.lazy_load_data(source, extra_info=extra_info, glob=glob, fs=fs))

    async def aload_data(
        self,
        source: OneSource | list[OneSource],
        *,
        extra_info: Mapping[str, Any] | None = None,
        glob: str = "**/*",
        fs: Any = None,
    ) -> list[Document]:
        """The async version of `load_data`."""
        texts = self._reading().aread(_sources(source, glob, fs))
        return [_document(text, extra_info) async for text in texts]

    async def alazy_load_data(
        self,
        source: OneSource | list[OneSource],
        *,
        extra_info: Mapping[str, Any] | None = None,
        glob: str = "**/*",
        fs: Any = None,
    ) -> Iterable[Document]:
        """Return all documents: in core's interface the result is awaited before the first document."""
        return await self.aload_data(source, extra_info=extra_info, glob=glob, fs=fs)

    def _reading(self) -> OCRReading:
        return OCRReading(self.client, self, self._request)

    def _request(self, document: DocumentPart | ImagePart) -> OCRRequest:
        return self.ocr_request(self.model_name, document, self.additional_kwargs)


def _sources(source: OneSource | list[OneSource], glob: str, fs: Any) -> Iterable[DocumentSource]:
    if fs is None:
        return sources_of(source, glob=glob)
    with fs.open(str(source), "rb") as file:
        return [DocumentSource(str(source), bytes(file.read()))]


def _document(text: DocumentText, extra_info: Mapping[str, Any] | None) -> Document:
    return Document(
        id_=text.id,
        text=text.text,
        metadata={**text.metadata, **(extra_info or {})},
        excluded_embed_metadata_keys=[*_NOT_FOR_MODELS],
        excluded_llm_metadata_keys=[*_NOT_FOR_MODELS],
    )

"""Reads documents by OCR, and writes their Markdown and images."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from portkey_mistral.cli.console import counted, note, usd, write_text
from portkey_mistral.document_sources import sources_of
from portkey_mistral.documents import decode_data_url
from portkey_mistral.exceptions import ConfigurationError
from portkey_mistral.ocr_reading import DocumentText, OCRReading
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost
from portkey_mistral.settings.ocr import OCRSettings

if TYPE_CHECKING:
    from portkey_mistral.client import Client
    from portkey_mistral.ocr import OCRResponse

__all__ = ["read_documents", "read_schema"]


def read_schema(path: Path | None) -> dict[str, Any] | None:
    """Read a JSON schema.

    Raises:
        ConfigurationError: the file has no JSON object.
    """
    if path is None:
        return None
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}.") from None
    if not isinstance(schema, dict):
        raise ConfigurationError(f"{path} must be a JSON schema, an object.")
    return schema


def read_documents(
    client: Client,
    sources: Iterable[str],
    folder: Path | None,
    settings: OCRSettings,
    *,
    model: str,
    as_json: bool,
) -> int:
    """Read all documents and return how many failed; each error is printed, and does not stop the others.

    Each document becomes files in `folder`. Without one all goes to standard output: Markdown, or a line of JSON for each
    page, or for each document if the settings do not split pages.
    """
    report = _Report()
    reading = OCRReading(
        client,
        settings.model_copy(update={"on_error": report.failed}),
        lambda document: settings.ocr_request(model, document, {}),
        on_response=report.add,
    )
    used: set[str] = set()
    for text in reading.read(sources_of(list(sources))):
        if folder is not None:
            note(f"{text.metadata['source']} -> {_write(folder, text, used)}")
        elif as_json:
            write_text(_json_line(text))
        else:
            write_text(f"{text.text.rstrip()}\n\n")
    note(report.summary())
    return report.failures


@dataclass
class _Report:
    """Counts what was read. Responses come from several threads, and lists may be appended to by all of them."""

    pages: list[int] = field(default_factory=list)
    costs: list[Cost | None] = field(default_factory=list)
    failures: int = 0

    def add(self, response: OCRResponse) -> None:
        usage = response.usage
        self.pages.append(
            len(response.pages) if usage is None or usage.pages is None else usage.pages
        )
        self.costs.append(response.info.cost)

    def failed(self, name: str, error: Exception) -> None:
        self.failures += 1
        note(f"{type(error).__name__} {name}: {error}", "red")

    def summary(self) -> str:
        documents, pages = len(self.pages), sum(self.pages)
        cost = usd(total_cost(self.costs) if self.costs else NOT_BILLED)
        failures = f", {self.failures} failed" if self.failures else ""
        return f"{counted(documents, 'document')}, {counted(pages, 'page')}, {cost}{failures}"


def _json_line(text: DocumentText) -> str:
    return json.dumps({**text.metadata, "text": text.text}) + "\n"


def _write(folder: Path, text: DocumentText, used: set[str]) -> Path:
    """Write a document as `NAME.md`, its images below `NAME/`, and its annotation as `NAME.json`."""
    name = _free_name(text.metadata["source"], used)
    folder.mkdir(parents=True, exist_ok=True)
    markdown = text.text
    for image in text.metadata.get("images", ()):
        if data_url := image.get("data_url"):
            file = folder / name / _last_part(image["id"])
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(decode_data_url(data_url)[0])
            markdown = markdown.replace(f"]({image['id']})", f"]({name}/{file.name})")
    if (annotation := text.metadata.get("document_annotation")) is not None:
        found = json.dumps(annotation, indent=2, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{found}\n", encoding="utf-8")
    path = folder / f"{name}.md"
    path.write_text(f"{markdown.rstrip()}\n", encoding="utf-8")
    return path


def _free_name(source: str, used: set[str]) -> str:
    """Return the stem of a document's name, with a number if another document has it too."""
    stem = PurePosixPath(_last_part(urlsplit(source).path or source)).stem or "document"
    name, number = stem, 1
    while name in used:
        number += 1
        name = f"{stem}-{number}"
    used.add(name)
    return name


def _last_part(path: str) -> str:
    """Return the name of a file without folders, since ids of images are the server's."""
    return PurePosixPath(path.replace("\\", "/")).name or "image"

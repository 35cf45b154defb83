"""The command `portkey-mistral ocr`, and its options; `ocr.py` carries it out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from portkey_mistral.cli.connection import BaseUrl, Config, GatewayUrl, Provider, connection
from portkey_mistral.cli.console import clean_end, examples
from portkey_mistral.cli.model_completion import complete_models

__all__ = ["EPILOG", "ocr"]

EPILOG = examples(
    "portkey-mistral ocr report.pdf > report.md",
    "portkey-mistral ocr scans/ -o texts --images --tables html",
    "portkey-mistral ocr invoice.pdf --json --schema schema.json",
)


class TableFormat(StrEnum):
    """The format of tables within Markdown."""

    MARKDOWN = "markdown"
    HTML = "html"


def ocr(  # noqa: PLR0917  typer reads the options off the signature
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="PDF and office documents, images, folders of them, or URLs."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write a Markdown file for each document to this folder. Default: standard output.",
            file_okay=False,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="Model id or alias.", autocompletion=complete_models("ocr")
        ),
    ] = "mistral-ocr-latest",
    pages: Annotated[
        str | None, typer.Option(help="Pages to read, counted from 0: 0-5,7. All by default.")
    ] = None,
    tables: Annotated[
        TableFormat | None, typer.Option(help="Format of tables in the text.")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images", help="Extract the images too; needs -o or --json.")
    ] = False,
    schema: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON schema of the data to extract from each document; needs -o or --json.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a JSON line for each page; with --schema, each document."
        ),
    ] = False,
    base_url: BaseUrl = None,
    gateway_url: GatewayUrl = None,
    config: Config = None,
    provider: Provider = None,
) -> None:
    """Convert documents and images to Markdown by OCR.

    If a document cannot be read, the others are read all the same, and the exit
    status is 1.
    """
    with clean_end():
        from portkey_mistral.cli import ocr as reading
        from portkey_mistral.client import Client
        from portkey_mistral.settings.ocr import OCRSettings

        if as_json and output is not None:
            raise typer.BadParameter(
                "prints to standard output and cannot be combined with -o", param_hint="--json"
            )
        if (images or schema is not None) and not (as_json or output):
            raise typer.BadParameter("needs -o or --json", param_hint="--images or --schema")
        settings = OCRSettings(
            # The annotation is of a whole document.
            split_pages=as_json and schema is None,
            pages=pages,
            include_images=images,
            table_format=None if tables is None else tables.value,
            document_annotation=reading.read_schema(schema),
        )
        client = Client(**connection(base_url, gateway_url, config, provider))
        if reading.read_documents(client, sources, output, settings, model=model, as_json=as_json):
            raise typer.Exit(1)

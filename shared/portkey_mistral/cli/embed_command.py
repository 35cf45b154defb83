"""The command `portkey-mistral embed`, and its options; `embed.py` carries it out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from portkey_mistral.cli.connection import BaseUrl, Config, GatewayUrl, Provider, connection
from portkey_mistral.cli.console import clean_end, examples, usage_errors
from portkey_mistral.cli.model_completion import complete_models
from portkey_mistral.cli.output_files import check_output
from portkey_mistral.cli.text_sources import Split, count_texts, read_texts

__all__ = ["EPILOG", "embed"]

EPILOG = examples(
    "portkey-mistral embed docs/ -o vectors.parquet --by paragraph",
    "portkey-mistral embed questions.csv --field question -o vectors.npy",
    "cat lines.txt | portkey-mistral embed - > vectors.jsonl",
)


class Dtype(StrEnum):
    """The type of the numbers of a vector."""

    FLOAT = "float"
    INT8 = "int8"
    UINT8 = "uint8"
    BINARY = "binary"
    UBINARY = "ubinary"


def embed(  # noqa: PLR0917  typer reads the options off the signature
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Text files, tables, or folders of them; - is standard input."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .parquet, .npy or .jsonl file. Default: JSON lines on standard output.",
            dir_okay=False,
            callback=check_output,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", help="Model id or alias.", autocompletion=complete_models("embeddings")
        ),
    ] = "mistral-embed",
    field: Annotated[
        str, typer.Option(help="Column with the texts in .jsonl, .csv, .tsv and .parquet files.")
    ] = "text",
    by: Annotated[
        Split | None,
        typer.Option(help="How to split text files. Default: file, or line for standard input."),
    ] = None,
    dimension: Annotated[
        int | None, typer.Option(min=1, help="Number of dimensions, if the model supports it.")
    ] = None,
    dtype: Annotated[
        Dtype, typer.Option(help="Type of the numbers, if the model supports it.")
    ] = Dtype.FLOAT,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep finished vectors in this SQLite file, and reuse those that it already has.",
            dir_okay=False,
        ),
    ] = None,
    base_url: BaseUrl = None,
    gateway_url: GatewayUrl = None,
    config: Config = None,
    provider: Provider = None,
) -> None:
    """Embed texts into a parquet, npy or JSON lines file.

    To continue a run that was stopped, start it again. Finished vectors are kept
    in FILE.resume until the output file is complete.
    """
    hint = "Run the same command again to continue." if output or resume else ""
    with clean_end(hint=hint):
        from portkey_mistral.cli import embed as embedding
        from portkey_mistral.cli.vector_files import format_of
        from portkey_mistral.client import Client
        from portkey_mistral.exceptions import PortkeyMistralError

        with usage_errors("--output"):
            format_of(output)
        arguments = connection(base_url, gateway_url, config, provider)
        store = resume or embedding.resume_store(output)
        client = Client(**arguments, embed_resume=None if store is None else str(store))
        try:
            embedding.embed_to_file(
                client,
                read_texts(sources, field=field, split=by),
                output,
                total=count_texts(sources, field=field, split=by),
                model=model,
                dimension=dimension,
                dtype=dtype.value,
            )
        except PortkeyMistralError as error:
            if store is not None and store.exists():
                error.add_note(f"Finished vectors are in {store}. {hint}")
            raise
        if store is not None and store != resume:
            embedding.remove_store(store)

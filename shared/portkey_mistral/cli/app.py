"""The commands and their options; what each does is in a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.markup import escape

from portkey_mistral import models
from portkey_mistral.cli import catalog, checkup, routes, serving
from portkey_mistral.exceptions import PortkeyMistralError

__all__ = ["app"]

app = typer.Typer(
    name="portkey-mistral",
    help="Mistral models in LangChain and LlamaIndex, straight or through a Portkey gateway.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Show an error of ours as one line: its message already says what to do."""
    try:
        yield
    except PortkeyMistralError as error:
        Console(stderr=True).print(f"[bold red]{type(error).__name__}[/]", escape(error.message))
        raise typer.Exit(1) from None


def _one_of(values: tuple[str, ...]) -> str:
    return ", ".join(values)


@app.command()
def demo() -> None:
    """Show the package at work: RAG, an agent, streaming, a fallback. On the sandbox, or on your key."""
    from portkey_mistral.demo import main

    with _plain_errors():
        raise typer.Exit(main())


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8765,
) -> None:
    """Serve the offline stand-in for the Mistral API over HTTP, until Ctrl+C."""
    try:
        serving.serve(Console(), host=host, port=port)
    except (ImportError, RuntimeError) as error:
        Console(stderr=True).print(f"[bold red]{escape(str(error))}[/]")
        raise typer.Exit(1) from None


@app.command()
def doctor(
    model: Annotated[
        str | None, typer.Option(help="A model to look at as well, besides the default one.")
    ] = None,
    reach: Annotated[
        bool, typer.Option("--reach", help="Make one call (the list of models) to see if it works.")
    ] = False,
) -> None:
    """Check the environment: which way calls go, keys, versions, the state of models."""
    findings = checkup.examine(model=model, reach=reach)
    checkup.show(Console(), findings)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command("models")
def show_models(
    name: Annotated[str | None, typer.Argument(help="One model: show its card.")] = None,
    can: Annotated[
        list[str] | None,
        typer.Option(help=f"Only models that can: {_one_of(get_args(models.Capability))}."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help=f"Only models that are: {_one_of(get_args(models.Status))}."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show retired models too.")] = False,
) -> None:
    """Show the model catalog: windows, prices, abilities, what is retired and what replaces it."""
    console = Console()
    with _plain_errors():
        if name is not None:
            console.print(catalog.card(name))
            return
        chosen = catalog.choose(can=can or (), status=status or (), everything=everything)
        console.print(catalog.table(chosen))
        console.print(catalog.footnote(chosen), style="dim")


@app.command()
def route(
    file: Annotated[
        Path, typer.Argument(help="A Portkey config as JSON.", exists=True, dir_okay=False)
    ],
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="As a Mermaid diagram, for Markdown pages.")
    ] = False,
) -> None:
    """Draw the tree of a Portkey config: its strategies, targets, retries and weights."""
    with _plain_errors():
        routes.show(Console(), file, mermaid=mermaid)

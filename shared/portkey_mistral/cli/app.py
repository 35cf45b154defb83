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
from portkey_mistral.exceptions import ConfigurationError, PortkeyMistralError

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
def route(  # noqa: PLR0917  typer reads the options off the signature
    file: Annotated[
        Path, typer.Argument(help="A Portkey config as JSON.", exists=True, dir_okay=False)
    ],
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="As a Mermaid diagram, for Markdown pages.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Write an SVG picture to this file.")
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option(
            "--simulate", min=1, help="Play so many requests through it; nothing is sent."
        ),
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            help="TARGET=429:0.3: so many of its sends fail. A status, or reset, refused, timeout."
        ),
    ] = None,
    slow: Annotated[
        list[str] | None, typer.Option(help="TARGET=2.5: median seconds to its answer (1).")
    ] = None,
    retry_after: Annotated[
        list[str] | None, typer.Option(help="TARGET=10: seconds that its refusals ask to wait.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option("--with", help="metadata.tier=paid:0.2: what conditions find in requests."),
    ] = None,
    rate: Annotated[float, typer.Option(help="Requests a second; matters to breakers.")] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same figures.")] = 0,
) -> None:
    """Draw the tree of a Portkey config; with --simulate, show what traffic each target gets.

    TARGET is an option path (config.targets[0]) or a name; the name of a strategy means all below it.
    """
    with _plain_errors():
        if requests is None:
            if fail or slow or retry_after or given:
                raise ConfigurationError(
                    "--fail, --slow, --retry-after and --with need --simulate N."
                )
            routes.show(Console(), file, mermaid=mermaid, svg=svg)
            return
        routes.play(
            Console(),
            file,
            requests=requests,
            targets=routes.behaviours(fail or (), slow or (), retry_after or ()),
            given=routes.traffic(given or ()),
            rate=rate,
            seed=seed,
            svg=svg,
        )

"""The commands and their options; each is implemented in a module of its own, which is imported when it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, get_args

import typer

from portkey_mistral import models
from portkey_mistral.cli import chat_command, embed_command, ocr_command
from portkey_mistral.cli.batch_commands import batch
from portkey_mistral.cli.console import clean_end, console, examples, print_json, usage_errors
from portkey_mistral.cli.input_files import check_input, is_stdin

__all__ = ["app"]

app = typer.Typer(
    name="portkey-mistral",
    help="Mistral models in LangChain and LlamaIndex, directly or through a Portkey gateway.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


app.command(epilog=chat_command.EPILOG)(chat_command.chat)
app.command(epilog=embed_command.EPILOG)(embed_command.embed)
app.command(epilog=ocr_command.EPILOG)(ocr_command.ocr)
app.add_typer(batch, name="batch")


def _one_of(values: tuple[str, ...]) -> str:
    return ", ".join(values)


def _print_version(wanted: bool) -> None:
    if wanted:
        from portkey_mistral import __version__

        typer.echo(f"portkey-mistral {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Mistral models in LangChain and LlamaIndex, directly or through a Portkey gateway."""


@app.command(epilog=examples("portkey-mistral demo"))
def demo() -> None:
    """Run the demo: RAG, an agent, streaming and a fallback, on the sandbox or with your API key."""
    from portkey_mistral.demo import main

    with clean_end():
        raise typer.Exit(main())


@app.command(
    epilog=examples(
        "portkey-mistral sandbox --port 9000", "portkey-mistral sandbox --portkey portkey.yaml"
    )
)
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 selects a free one.")
    ] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another host name to accept besides IP addresses and local names."),
    ] = None,
    portkey: Annotated[
        Path | None,
        typer.Option(
            help="Serve a stand-in for hosted Portkey with the account in this YAML or JSON file. Needs Node.js.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
) -> None:
    """Serve the offline sandbox of the Mistral API, or a stand-in for hosted Portkey, over HTTP until Ctrl+C."""
    from portkey_mistral.cli import serving

    try:
        if portkey is None:
            serving.serve(console(), host=host, port=port, allowed_hosts=allow_host or ())
            return
        with clean_end():
            serving.serve_portkey(console(), portkey, host=host, port=port)
    except (ImportError, RuntimeError) as error:
        console(stderr=True).print(str(error), style="bold red", markup=False)
        raise typer.Exit(1) from None


@app.command(epilog=examples("portkey-mistral doctor --reach", "portkey-mistral doctor --json"))
def doctor(
    model: Annotated[
        str | None, typer.Option(help="A model to check in addition to the default one.")
    ] = None,
    reach: Annotated[
        bool,
        typer.Option("--reach", help="Make one call (list the models) to test the connection."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the environment: mode, keys, package versions, status of models.

    If a Portkey key is all that is configured, the command requests
    Portkey's list of models to see what the key can reach.
    """
    from portkey_mistral.cli.doctor import examine, show_findings

    with clean_end():
        findings = examine(model=model, call=reach)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        show_findings(console(), findings)
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


@app.command(epilog=examples("portkey-mistral explain RateLimitError"))
def explain(
    error: Annotated[str, typer.Argument(help="Name of the class of an error or a warning.")],
) -> None:
    """Explain an error or a warning of this package: its cause, and what to do."""
    from rich.markdown import Markdown

    from portkey_mistral.cli.explain import find

    with clean_end(), usage_errors("ERROR"):
        console().print(Markdown(find(error)))


@app.command(
    "models",
    epilog=examples("portkey-mistral models --can fim", "portkey-mistral models codestral-latest"),
)
def show_models(
    name: Annotated[str | None, typer.Argument(help="Show the card of this model.")] = None,
    can: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Only models with this capability: {_one_of(get_args(models.Capability))}."
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(help=f"Only models with this status: {_one_of(get_args(models.Status))}."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show retired models too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the models as JSON.")] = False,
) -> None:
    """Show the model catalog: context windows, prices, capabilities, retirements and replacements."""
    from portkey_mistral.cli import catalog

    with clean_end():
        if name is not None:
            chosen = [catalog.find(name)]
        else:
            with usage_errors("--can or --status"):
                chosen = [
                    *catalog.choose(can=can or (), status=status or (), everything=everything)
                ]
        if as_json:
            print_json([catalog.to_json(model) for model in chosen])
        elif name is not None:
            console().print(catalog.card(name))
        else:
            console().print(catalog.table(chosen))
            console().print(catalog.footnote(chosen), style="dim")


@app.command(epilog=examples("portkey-mistral usage --state redis://localhost:6379/0 --days 7"))
def usage(
    state: Annotated[
        str | None,
        typer.Option(help="URL of the state store. Default: PORTKEY_MISTRAL_STATE."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=62, help="Number of days (UTC), including today.")
    ] = 31,
    as_json: Annotated[bool, typer.Option("--json", help="Print every row as JSON.")] = False,
) -> None:
    """Show the usage and cost of calls: totals by day, by model, and by the key of a budget.

    The state store must be a Redis server, because "memory:" is private
    to a process. Only calls with a budget are counted; Budget(usd=None)
    counts without a limit.
    """
    from portkey_mistral.cli import usage as totals

    with clean_end():
        rows = totals.read(state, days)
        if as_json:
            print_json([dataclasses.asdict(row) for row in rows])
        else:
            totals.show(console(), rows, days)


@app.command(
    epilog=examples(
        "portkey-mistral route config.json --watch",
        "cat config.json | portkey-mistral route - --mermaid",
        'portkey-mistral route config.json --simulate 1000 --fail "config.targets[0]=503:0.2"',
    )
)
def route(  # noqa: PLR0917  typer reads the options off the signature
    file: Annotated[
        Path,
        typer.Argument(help="A Portkey config as JSON; - is standard input.", callback=check_input),
    ],
    mermaid: Annotated[
        bool, typer.Option("--mermaid", help="Print a Mermaid diagram, for Markdown pages.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", help="Write an SVG drawing to this file.")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw again whenever the file changes, until Ctrl+C.")
    ] = False,
    requests: Annotated[
        int | None,
        typer.Option("--simulate", min=1, help="Simulate this many requests; nothing is sent."),
    ] = None,
    fail: Annotated[
        list[str] | None,
        typer.Option(
            help="TARGET=429:0.3: share of attempts that fail, with a status, reset, refused or timeout."
        ),
    ] = None,
    slow: Annotated[
        list[str] | None, typer.Option(help="TARGET=2.5: median latency in seconds. Default: 1.")
    ] = None,
    retry_after: Annotated[
        list[str] | None,
        typer.Option(help="TARGET=10: Retry-After of the target's errors, in seconds."),
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="metadata.tier=paid:0.2: share of requests with this value, for conditions.",
        ),
    ] = None,
    rate: Annotated[
        float, typer.Option(help="Requests per second; affects circuit breakers.")
    ] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same results.")] = 0,
) -> None:
    """Draw a Portkey config as a tree; with --simulate, show the traffic of each target.

    TARGET is a path (config.targets[0]) or a name; the name of a
    strategy means all targets below it.
    """
    from portkey_mistral.cli import routes

    if requests is None and (fail or slow or retry_after or given):
        raise typer.BadParameter(
            "needs --simulate N", param_hint="--fail, --slow, --retry-after or --with"
        )
    if watch and is_stdin(file):
        raise typer.BadParameter("needs a file, not standard input", param_hint="--watch")
    with usage_errors("--fail, --slow or --retry-after"):
        targets = routes.behaviours(fail or (), slow or (), retry_after or ())
    with usage_errors("--with"):
        shares = routes.traffic(given or ())

    def draw() -> None:
        if requests is None:
            routes.show(console(), file, mermaid=mermaid, svg=svg)
            return
        routes.simulate_traffic(
            console(),
            file,
            requests=requests,
            targets=targets,
            given=shares,
            rate=rate,
            seed=seed,
            svg=svg,
        )

    with clean_end():
        if watch:
            routes.watch(console(), file, draw)
        else:
            draw()

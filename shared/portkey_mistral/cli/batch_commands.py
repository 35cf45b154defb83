"""The commands of `portkey-mistral batch`, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from portkey_mistral.cli.connection import BaseUrl, connection
from portkey_mistral.cli.console import clean_end, counted, examples, note, print_json
from portkey_mistral.cli.input_files import check_input
from portkey_mistral.cli.output_files import check_output

if TYPE_CHECKING:
    from portkey_mistral._batch.job import BatchJob
    from portkey_mistral.cli.batch_requests import RequestFile
    from portkey_mistral.client import Client

__all__ = ["batch"]

batch = typer.Typer(
    help="Run batch jobs: half the price, done within hours. At Mistral only, not through gateways.",
    no_args_is_help=True,
)

RequestsFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A .jsonl file with request bodies, or any other file with a prompt on each line; - reads JSON lines from "
        "standard input.",
        callback=check_input,
    ),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id or name of the batch.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write a JSON line for each request to this file. Default: standard output.",
        dir_okay=False,
        callback=check_output,
    ),
]
Model = Annotated[str | None, typer.Option("--model", "-m", help="Model for requests without one.")]
System = Annotated[str | None, typer.Option("--system", "-s", help="System message for prompts.")]
Name = Annotated[
    str | None,
    typer.Option(
        help="Name by which the batch can be found again. Default: derived from the requests."
    ),
]
Hours = Annotated[
    int, typer.Option(min=1, max=168, help="Hours after which Mistral stops an unfinished batch.")
]
Poll = Annotated[
    float, typer.Option(min=0.01, help="Seconds between the first two status checks, then more.")
]


@batch.command(
    epilog=examples(
        "portkey-mistral batch run requests.jsonl -o results.jsonl",
        'portkey-mistral batch run prompts.txt -m mistral-small-latest -s "Answer in one word."',
    )
)
def run(  # noqa: PLR0917  typer reads the options off the signature
    file: RequestsFile,
    output: Output = None,
    model: Model = None,
    system: System = None,
    name: Name = None,
    hours: Hours = 24,
    poll: Poll = 1.0,
    base_url: BaseUrl = None,
) -> None:
    """Send a batch, wait until it is finished, and write the results.

    After Ctrl+C or an error the batch keeps running: the same command finds it again.
    """
    with clean_end(hint="The batch keeps running; run the same command again to wait for it."):
        from portkey_mistral.cli import batch as jobs
        from portkey_mistral.cli.batch_requests import read_requests

        requests = read_requests(file, model, system)
        job = _started(_client(base_url), requests, name, hours)
        jobs.follow(job, poll)
        if jobs.write_results(job, output, requests.custom_ids):
            raise typer.Exit(1)


@batch.command(epilog=examples("portkey-mistral batch start requests.jsonl --name evaluation-7"))
def start(  # noqa: PLR0917  typer reads the options off the signature
    file: RequestsFile,
    model: Model = None,
    system: System = None,
    name: Name = None,
    hours: Hours = 24,
    base_url: BaseUrl = None,
) -> None:
    """Send a batch and print its id."""
    with clean_end():
        from portkey_mistral.cli.batch_requests import read_requests

        requests = read_requests(file, model, system)
        typer.echo(_started(_client(base_url), requests, name, hours).id)


@batch.command(epilog=examples("portkey-mistral batch status evaluation-7"))
def status(batch_id: Id, base_url: BaseUrl = None) -> None:
    """Print the state of a batch as JSON."""
    with clean_end():
        from portkey_mistral.cli import batch as jobs

        print_json(jobs.describe(_client(base_url).resume_batch(batch_id)))


@batch.command(
    epilog=examples(
        "portkey-mistral batch results evaluation-7 -o results.jsonl --requests requests.jsonl"
    )
)
def results(  # noqa: PLR0917  typer reads the options off the signature
    batch_id: Id,
    output: Output = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The file with the batch's requests, to add each custom_id to its result.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    model: Model = None,
    poll: Poll = 1.0,
    base_url: BaseUrl = None,
) -> None:
    """Wait until a batch is finished, and write its results."""
    with clean_end(hint="The batch keeps running."):
        from portkey_mistral.cli import batch as jobs
        from portkey_mistral.cli.batch_requests import read_requests

        custom_ids = None
        if requests is not None:
            custom_ids = read_requests(requests, model or "any", None).custom_ids
        job = _client(base_url).resume_batch(batch_id)
        total = job.progress.total
        if custom_ids is not None and len(custom_ids) != total:
            raise typer.BadParameter(
                f"the file has {len(custom_ids)} requests, but the batch has {total}",
                param_hint="--requests",
            )
        jobs.follow(job, poll)
        if jobs.write_results(job, output, custom_ids):
            raise typer.Exit(1)


@batch.command(epilog=examples("portkey-mistral batch cancel evaluation-7"))
def cancel(batch_id: Id, base_url: BaseUrl = None) -> None:
    """Cancel a batch. `batch results` writes the results so far."""
    with clean_end():
        from portkey_mistral.cli import batch as jobs

        job = _client(base_url).resume_batch(batch_id)
        job.cancel()
        print_json(jobs.describe(job))


def _started(client: Client, file: RequestFile, name: str | None, hours: int) -> BatchJob:
    job = client.batch(file.requests, name=name or file.name, timeout_hours=hours)
    note(f"Batch {job.id}: {counted(job.progress.total, 'request')}.")
    return job


def _client(base_url: str | None) -> Client:
    from portkey_mistral.client import Client

    return Client(**connection(base_url))

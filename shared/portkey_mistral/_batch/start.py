"""Creates the jobs of a batch at Mistral, each exactly once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

from portkey_mistral._batch.account import (
    DIGEST,
    NAME,
    PART,
    PARTS,
    REQUESTS,
    Account,
    RemoteJob,
)
from portkey_mistral._batch.charges import CHARGED_AT, ESTIMATE, Charge, Charges
from portkey_mistral._batch.job import BatchJob, StartBatch
from portkey_mistral._batch.lines import encode_lines
from portkey_mistral._batch.parts import Part, split
from portkey_mistral._call.account_calls import account_options
from portkey_mistral._call.validate import check_iterable
from portkey_mistral._routing.retry import OWN_RETRY_CODES
from portkey_mistral._transport.polling import looks
from portkey_mistral.exceptions import (
    APIConnectionError,
    APIError,
    APIStatusError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    PortkeyMistralError,
    ResponseFormatError,
)
from portkey_mistral.requests import CallOptions, Request

if TYPE_CHECKING:
    from portkey_mistral.settings.connection import ConnectionSettings

__all__ = ["resume_batch", "start_batch"]

_WHAT = "batch jobs"
_OWN = frozenset({NAME, PART, DIGEST, REQUESTS, PARTS, ESTIMATE, CHARGED_AT})
"""Metadata of the jobs at Mistral that a user cannot set."""
_LONGEST_KEY, _LONGEST_VALUE = 32, 512
_MOST_HOURS = 168
_FIRST_PAUSE = 0.5


def start_batch(
    settings: ConnectionSettings,
    requests: Iterable[Request],
    options: CallOptions | None,
    *,
    name: str | None = None,
    metadata: Mapping[str, str] | None = None,
    timeout_hours: int = 24,
) -> BatchJob:
    """Create those jobs of a batch that do not exist yet; see `Client.batch`.

    Raises:
        InvalidRequestError: a request cannot succeed, or the metadata cannot be sent.
        ConfigurationError: a batch of this name has other requests.
        BudgetExceededError: a budget has no room for a job.
        PortkeyMistralError: a job could not be created. The jobs before it run; the same call with the same name
        continues.
    """
    check_iterable(requests, "requests", "request")
    _check(name, metadata, timeout_hours)
    account = Account(account_options(settings, options, _WHAT))
    charges = Charges(account.resolved, account.billing_host)
    batch = name or uuid4().hex
    known = {job.part: job for job in _jobs_of(account, batch)} if name else {}
    jobs: list[RemoteJob] = []
    created = 0
    try:
        lines = encode_lines(account.resolved, requests, charges.estimate)
        for part, is_last in _with_last(split(lines)):
            own = {
                NAME: batch,
                PART: str(part.number),
                DIGEST: part.digest,
                REQUESTS: str(len(part.lines)),
            }
            if is_last:
                own[PARTS] = str(part.number + 1)
            job = known.get(part.number)
            if job is None:
                charge = charges.reserve(batch, part)
                own_and_given = {**(metadata or {}), **own, **charge.metadata}
                job = _create(account, part, own_and_given, timeout_hours, charge)
                created += 1
            else:
                _check_same(job, part, batch)
            jobs.append(job)
    except BaseException as error:
        if created:
            error.add_note(
                f"Jobs of the batch that were created before it: {created}. They run. Once the cause is removed, "
                f"batch(requests, name={batch!r}) with otherwise the same requests creates the others."
            )
        raise
    if not jobs:
        raise InvalidRequestError("A batch needs at least one request.")
    kept = requests if isinstance(requests, Sequence) else None
    start = _starter(settings, options, metadata)
    return BatchJob(account, charges, batch, jobs, start=start, requests=kept)


def _check_same(job: RemoteJob, part: Part, batch: str) -> None:
    if job.metadata.get(DIGEST) != part.digest:
        raise ConfigurationError(
            f"There is a batch {batch!r} already, of other requests. Choose another name, or pass the same requests in the "
            "same order."
        )


def resume_batch(
    settings: ConnectionSettings, batch_id: str, options: CallOptions | None
) -> BatchJob:
    """Find a batch again; see `Client.resume_batch`."""
    if not batch_id:
        raise InvalidRequestError("Pass the id of a batch: `BatchJob.id`, or its name.")
    account = Account(account_options(settings, options, _WHAT))
    charges = Charges(account.resolved, account.billing_host)
    jobs = _jobs_of(account, batch_id)
    if not jobs:
        jobs = _single_job(account, batch_id)
        if jobs and (name := jobs[0].batch):
            batch_id, jobs = name, _jobs_of(account, name) or jobs
    if not jobs:
        raise ConfigurationError(
            f"There is no batch {batch_id!r} in the account of this key. Ids are those of `BatchJob.id`."
        )
    if not _are_complete(jobs):
        raise ConfigurationError(
            f"Only some jobs of the batch {batch_id!r} were created. Call batch(requests, name={batch_id!r}) with the "
            "same requests: it creates the missing ones."
        )
    metadata = {name: value for name, value in jobs[0].metadata.items() if name not in _OWN}
    start = _starter(settings, options, metadata)
    return BatchJob(account, charges, batch_id, jobs, start=start)


def _starter(
    settings: ConnectionSettings, options: CallOptions | None, metadata: Mapping[str, str] | None
) -> StartBatch:
    return lambda requests, hours: start_batch(
        settings, requests, options, metadata=metadata, timeout_hours=hours
    )


def _jobs_of(account: Account, batch: str) -> list[RemoteJob]:
    """Return the existing jobs of a batch, in the order of their parts; if there are two for a part, the older one."""
    found = sorted(account.jobs({NAME: batch}), key=lambda job: -job.created_at)
    return sorted({job.part: job for job in found}.values(), key=lambda job: job.part)


def _single_job(account: Account, job_id: str) -> list[RemoteJob]:
    """Return the job with this id of Mistral's."""
    try:
        return [account.job(job_id)]
    except NotFoundError:
        return []


def _are_complete(jobs: Sequence[RemoteJob]) -> bool:
    """Whether these are all jobs of a batch: a process may have ended before it created the last one."""
    last = jobs[-1].metadata
    return NAME not in last or last.get(PARTS) == str(len(jobs))


def _create(
    account: Account,
    part: Part,
    metadata: Mapping[str, str],
    timeout_hours: int,
    charge: Charge,
) -> RemoteJob:
    file_id = _upload(account, part, metadata[NAME], charge)
    left = account.resolved.retries
    for _ in looks(_FIRST_PAUSE):
        try:
            return account.create(
                part, metadata=metadata, timeout_hours=timeout_hours, file_id=file_id
            )
        except (APIConnectionError, APIStatusError, ResponseFormatError) as error:
            if not _may_be_retried(error):
                charge.release()
                raise
            # The job may have been created nevertheless, if only the response was lost.
            if found := account.jobs({name: metadata[name] for name in (NAME, PART)}):
                return found[0]
            if not left:
                charge.release()
                raise
        left -= 1
    raise AssertionError("unreachable")


def _upload(account: Account, part: Part, batch: str, charge: Charge) -> str | None:
    """Upload the requests that do not fit into the body of a job, and return the id of the file."""
    if part.is_inline:
        return None
    try:
        return account.upload(part, f"{batch}-{part.number}")
    except PortkeyMistralError:
        charge.release()
        raise


def _may_be_retried(error: APIError) -> bool:
    return not isinstance(error, APIStatusError) or error.status_code in OWN_RETRY_CODES


def _with_last(parts: Iterable[Part]) -> Iterator[tuple[Part, bool]]:
    """Yield each part, and whether it is the last."""
    held: Part | None = None
    for part in parts:
        if held is not None:
            yield held, False
        held = part
    if held is not None:
        yield held, True


def _check(name: object, metadata: object, timeout_hours: object) -> None:
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= _LONGEST_VALUE):
        raise InvalidRequestError(f"name must be a string of 1 to {_LONGEST_VALUE} characters.")
    if type(timeout_hours) is not int or not 1 <= timeout_hours <= _MOST_HOURS:
        raise InvalidRequestError(f"timeout_hours must be a whole number from 1 to {_MOST_HOURS}.")
    if metadata is None:
        return
    if not isinstance(metadata, Mapping) or not all(
        isinstance(text, str) for text in (*metadata, *metadata.values())
    ):
        raise InvalidRequestError("metadata must be a mapping of strings to strings.")
    for key, value in metadata.items():
        if key in _OWN:
            raise InvalidRequestError(f"metadata: {key!r} is used by the batch itself.")
        if not 0 < len(key) <= _LONGEST_KEY or not 0 < len(value) <= _LONGEST_VALUE:
            raise InvalidRequestError(
                f"metadata: Mistral takes keys of 1 to {_LONGEST_KEY} characters and values of 1 to {_LONGEST_VALUE}, "
                f"and {key[:_LONGEST_KEY]!r} has others."
            )

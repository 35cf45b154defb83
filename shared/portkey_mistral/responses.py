"""What calls return: answers, deltas of a stream, embeddings, and a record of how the call went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from portkey_mistral.guardrails import GuardrailVerdict
from portkey_mistral.messages import Message, Part
from portkey_mistral.prices import NOT_BILLED, Cost, total_cost

__all__ = [
    "TRUNCATED",
    "AttemptRecord",
    "CallInfo",
    "ChatResponse",
    "Choice",
    "ClassificationResponse",
    "ConnectionMode",
    "Delta",
    "EmbeddingBatch",
    "EmbeddingProgress",
    "EmbeddingResponse",
    "FinishReason",
    "GatewayLane",
    "Lane",
    "ModelCard",
    "ModerationResponse",
    "ShowProgress",
    "ToolCallDelta",
    "Usage",
]

if TYPE_CHECKING:
    import numpy as np


ConnectionMode: TypeAlias = Literal["direct", "gateway", "sandbox"]
"""Where a call goes: directly to the provider, through a Portkey gateway, or to the embedded sandbox."""

Lane: TypeAlias = Literal["unified", "proxy", "passthrough"]
"""The route through a gateway: translated for each provider, or passed through unchanged."""

GatewayLane: TypeAlias = Literal["auto", Lane]
"""The setting of the lane; "auto" chooses one on which no parameter is lost."""

# Servers may add reasons; unknown ones are passed through.
FinishReason: TypeAlias = Literal["stop", "length", "model_length", "tool_calls", "error"] | str

TRUNCATED: frozenset[FinishReason] = frozenset({"length", "model_length", "max_tokens"})
"""Finish reasons of an answer that was cut off; the last is Anthropic's, which a gateway may pass on unchanged."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, seconds of audio, and pages that were read.

    `cached_tokens` and `reasoning_tokens` are parts of the prompt's and the completion's; None if the server did not
    report them. `annotated_pages` are those of `pages` that were annotated too. `estimated` is set if a part was not reported by any server, after an interrupted attempt.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    prompt_audio_seconds: int | None = None
    service_tier: str | None = None
    estimated: bool = False
    prompt_audio_tokens: int | None = None
    completion_audio_tokens: int | None = None
    pages: int | None = None
    annotated_pages: int | None = None

    def __add__(self, other: Usage) -> Usage:
        """Return the sum of two calls; a figure that neither of them has stays None."""

        def total(own: int | None, others: int | None) -> int | None:
            return None if own is None and others is None else (own or 0) + (others or 0)

        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            total(self.cached_tokens, other.cached_tokens),
            total(self.reasoning_tokens, other.reasoning_tokens),
            total(self.prompt_audio_seconds, other.prompt_audio_seconds),
            self.service_tier or other.service_tier,
            self.estimated or other.estimated,
            total(self.prompt_audio_tokens, other.prompt_audio_tokens),
            total(self.completion_audio_tokens, other.completion_audio_tokens),
            total(self.pages, other.pages),
            total(self.annotated_pages, other.annotated_pages),
        )


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One attempt of a call, sent or skipped.

    Attributes:
        path: Portkey's option path of the target, `config.targets[1]` for example.
        provider: Provider of the target.
        model: Requested model, after the target's overrides.
        number: Number of the attempt on this target, from 1; more than 1 is a retry.
        status: The status to which the config's rules apply: the HTTP status; 500 for a transport failure, 503 for a
            connect timeout, 408 for a request timeout; None if nothing was sent.
        error: Why it failed or was skipped, without keys.
        seconds: Time until the headers arrived or the attempt failed.
        cached: Whether the answer came from the cache.
        usage: What the server counted, or an estimate; None if neither is known.
        cost: What the attempt cost: 0 if it was not billed, None if that is not known.
    """

    path: str
    provider: str
    model: str | None
    number: int
    status: int | None
    error: str | None = None
    seconds: float = 0.0
    cached: bool = False
    usage: Usage | None = None
    cost: Cost | None = None

    def to_dict(self, usage_dict: Callable[[Usage], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the attempt as JSON values. `usage_dict` converts its usage, for which each framework has a form."""
        values: dict[str, Any] = {name: getattr(self, name) for name in _ATTEMPT_FIELDS}
        if self.usage is not None:
            values["usage"] = usage_dict(self.usage)
        if self.cost is not None:
            values["cost"] = self.cost.to_dict()
        return values


_ATTEMPT_FIELDS = tuple(each.name for each in fields(AttemptRecord))


@dataclass(frozen=True, slots=True)
class CallInfo:
    """How a call went.

    In gateway mode `option_path`, `provider`, `retry_count`, `cache_status` and `trace_id` are from the gateway's
    headers, in direct mode from our own routing.

    Attributes:
        mode: Where the call went.
        lane: Lane through the gateway; None without one.
        provider: Provider that answered.
        option_path: Option path of the target that answered, `config.targets[1]` for example.
        retry_count: Number of retries on that target.
        cache_status: "HIT", "MISS" and the like.
        trace_id: Portkey trace id.
        request_id: The server's id of the request.
        rate_limits: Rate limit headers of the answer, by lower-case name.
        headers: All headers of the answer by lower-case name, without cookies and keys.
        attempts: Every attempt in order, also on targets that were skipped; in gateway mode those to the gateway.
        lost: Names of parameters that the API of the target does not support, and that were not sent.
        cost: What the call cost, over all its attempts; None if that is not known.
        guardrails: Verdicts of the gateway's guardrails on the request and the answer; empty if none ran or all were
            asynchronous, which only Portkey's logs show. Those on a streamed answer come at its end.
    """

    mode: ConnectionMode = "direct"
    lane: Lane | None = None
    provider: str | None = None
    option_path: str | None = None
    retry_count: int | None = None
    cache_status: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    rate_limits: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[AttemptRecord, ...] = ()
    lost: tuple[str, ...] = ()
    cost: Cost | None = None
    guardrails: tuple[GuardrailVerdict, ...] = ()


_NO_INFO = CallInfo()


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the `n` answers to a request. `logprobs` has the form of the API."""

    index: int
    message: Message
    finish_reason: FinishReason | None
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """A complete answer. `raw` is the body as the server sent it."""

    id: str | None
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None
    created: int | None = None
    info: CallInfo = _NO_INFO
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> Message:
        """The first choice's message."""
        return self.choices[0].message

    @property
    def text(self) -> str:
        """The visible text of the first choice."""
        return self.message.text

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the first choice ended."""
        return self.choices[0].finish_reason


@dataclass(slots=True)
class ToolCallDelta:
    """A piece of one tool call. `id` and `name` come once for each `index`; `arguments` is part of a JSON text."""

    index: int
    id: str | None
    name: str | None
    arguments: str


@dataclass(slots=True)
class Delta:
    """What one event of a stream adds to one choice.

    `text` is the visible text that it adds. `parts` is set only where the server sent a list (thinking,
    references), and then holds all of it in order, the text too. `usage` comes once per stream: on the delta
    with `finish_reason`, or on one of its own whose `choice` is -1. `raw` is the event as parsed JSON.
    """

    choice: int = 0
    text: str = ""
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    logprobs: Mapping[str, Any] | None = None
    id: str | None = None
    model: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingResponse:
    """One vector per input, in the order of the inputs.

    A vector is a list of floats; of ints for whole-number dtypes; with `encoding_format="base64"` an `array.array`.
    `infos` has one record per request that was sent.
    """

    vectors: Sequence[Sequence[float]]
    model: str
    usage: Usage
    infos: tuple[CallInfo, ...] = ()

    @property
    def cost(self) -> Cost | None:
        """What all requests cost; 0 if none was sent, None if that is not known."""
        return total_cost(info.cost for info in self.infos) if self.infos else NOT_BILLED

    def to_numpy(self) -> np.ndarray:
        """Return the vectors as the rows of one array: float32, or int64 for lists of whole numbers.

        With `encoding_format="base64"` the numbers are copied without creating Python objects.

        Raises:
            ModuleNotFoundError: numpy is not installed.
        """
        import numpy as np

        rows = np.array(self.vectors)
        return rows.astype(np.float32) if rows.dtype == np.float64 else rows


@dataclass(frozen=True, slots=True)
class EmbeddingBatch(EmbeddingResponse):
    """The vectors of consecutive texts of a job. `start` is the position of the first of them."""

    start: int = 0


@dataclass(frozen=True, slots=True)
class ModerationResponse:
    """Mistral's classification of each input: its categories with verdicts and scores, in the form of the API."""

    id: str | None
    model: str
    results: tuple[Mapping[str, Any], ...]
    info: CallInfo = _NO_INFO
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ClassificationResponse:
    """The scores of each input: for each target of the classifier, its labels with scores from 0 to 1."""

    id: str | None
    model: str
    results: tuple[Mapping[str, Mapping[str, float]], ...]
    info: CallInfo = _NO_INFO
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as listed by the server's `/models`. `raw` is the whole entry."""

    id: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmbeddingProgress:
    """The progress of an embedding job.

    Attributes:
        done: Number of texts that have their vectors, those from a resume store included.
        total: Number of texts; None if they are read from an iterator.
        tokens: Tokens that the server has counted so far.
        seconds: Time since the job started.
        cost: Cost of these tokens in USD; None if a part of it is not known.
    """

    done: int
    total: int | None
    tokens: int
    seconds: float
    cost: float | None

    @property
    def rate(self) -> float:
        """Average number of texts per second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds until the job is done; None if `total` is not known."""
        if self.total is None or not self.rate:
            return None
        return (self.total - self.done) / self.rate


ShowProgress: TypeAlias = bool | Callable[[EmbeddingProgress], None]
"""True shows a bar on standard error (needs `tqdm`); a function is called after every response."""

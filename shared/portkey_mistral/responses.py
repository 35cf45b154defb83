"""What comes back from a call: answers, the pieces of a stream, embeddings, and how the call went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from portkey_mistral.messages import Message, Part

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "AttemptRecord",
    "CallInfo",
    "ChatResponse",
    "Choice",
    "Delta",
    "EmbeddingBatch",
    "EmbeddingResponse",
    "FinishReason",
    "ModelCard",
    "ModerationResponse",
    "ToolCallDelta",
    "Usage",
]

_Kind = TypeVar("_Kind")

# A server may add one; unknown reasons pass through as they are.
FinishReason: TypeAlias = Literal["stop", "length", "model_length", "tool_calls", "error"] | str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `estimated` marks figures that no server reported (a cut attempt)."""

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

    def __add__(self, other: Usage) -> Usage:
        """Sum two calls; a detail that neither reports stays unknown."""

        def both(mine: int | None, theirs: int | None) -> int | None:
            return None if mine is None and theirs is None else (mine or 0) + (theirs or 0)

        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            both(self.cached_tokens, other.cached_tokens),
            both(self.reasoning_tokens, other.reasoning_tokens),
            both(self.prompt_audio_seconds, other.prompt_audio_seconds),
            self.service_tier or other.service_tier,
            self.estimated or other.estimated,
            both(self.prompt_audio_tokens, other.prompt_audio_tokens),
            both(self.completion_audio_tokens, other.completion_audio_tokens),
        )


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One send that was made, or skipped, on the way to an answer or an error.

    `path` is Portkey's own option path (`config.targets[1]`), `number` counts sends to that target from
    1, `status` is what the routing rules saw (a transport failure counts as 500, a connect timeout as
    503, a request timeout as 408), `seconds` the time until the headers came or the send failed.
    """

    path: str
    provider: str
    model: str | None
    number: int
    status: int | None
    error: str | None = None
    seconds: float = 0.0
    cached: bool = False


@dataclass(frozen=True, slots=True)
class CallInfo:
    """How a call went: which way, which lane, where it ended, and every attempt that led there.

    `option_path`, `provider`, `retry_count`, `cache_status` and `trace_id` come from the gateway's
    headers in gateway mode and from our own engine in direct mode. `lost` names request fields that the
    chosen target could not be told (an OpenAI fallback has no `safe_prompt`).
    """

    way: Literal["direct", "gateway", "sandbox"] = "direct"
    lane: Literal["unified", "proxy", "passthrough"] | None = None
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


_NOTHING_TOLD = CallInfo()


@dataclass(frozen=True, slots=True)
class Choice:
    index: int
    message: Message
    finish_reason: FinishReason | None
    logprobs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChatResponse:
    """A whole answer. `raw` is the body as the server sent it."""

    id: str | None
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None
    created: int | None = None
    info: CallInfo = _NOTHING_TOLD
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> Message:
        """The first choice's message."""
        return self.choices[0].message

    @property
    def text(self) -> str:
        return self.message.text

    @property
    def finish_reason(self) -> FinishReason | None:
        return self.choices[0].finish_reason


# The two classes below are made once an event, so they are not frozen: that would cost three times as
# much. Treat them as values all the same.
@dataclass(slots=True)
class ToolCallDelta:
    """A piece of one tool call. `id` comes once a call and `name` once; the rest are arguments."""

    index: int
    id: str | None
    name: str | None
    arguments: str


def _makes_raw_when_asked(kind: type[_Kind]) -> type[_Kind]:
    """Let `raw` be given as a tuple too, whose first item makes it of the tuple: few ask, and it costs the most.

    Under the name `unwritten` it is given more quickly.
    """
    slot = vars(kind)["raw"]
    look, put = slot.__get__, slot.__set__

    def raw(delta: _Kind) -> Mapping[str, Any]:
        given = look(delta)
        if type(given) is tuple:
            given = given[0](given)
            put(delta, given)
        made: Mapping[str, Any] = given
        return made

    # Not for a type checker to see.
    setattr(kind, "unwritten", slot)  # noqa: B010
    setattr(kind, "raw", property(raw, put))  # noqa: B010
    return kind


@_makes_raw_when_asked
@dataclass(slots=True)
class Delta:
    """What one event of a stream adds to one choice.

    `text` is the visible text it adds. `parts` is set only where the server sent a list (thinking,
    references) and then holds all of it in order, the text too. `usage` comes once a stream, on the delta
    with `finish_reason` or on one of its own (`choice` is then -1). `raw` is the event.
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
    """One vector for each input, in the order of the inputs."""

    vectors: Sequence[Sequence[float]]
    model: str
    usage: Usage
    infos: tuple[CallInfo, ...] = ()

    def to_numpy(self) -> np.ndarray:
        """Return the vectors as the rows of one array: float32, or int64 for whole numbers in lists.

        With `encoding_format="base64"` no Python number is made on the way.

        Raises:
            ModuleNotFoundError: numpy is not installed.
        """
        import numpy as np

        rows = np.array(self.vectors)
        return rows.astype(np.float32) if rows.dtype == np.float64 else rows


@dataclass(frozen=True, slots=True)
class EmbeddingBatch(EmbeddingResponse):
    """The vectors of neighbouring texts of a job; `start` is the position of the first text."""

    start: int = 0


@dataclass(frozen=True, slots=True)
class ModerationResponse:
    id: str | None
    model: str
    results: tuple[Mapping[str, Any], ...]
    info: CallInfo = _NOTHING_TOLD


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model as the server's `/models` lists it; `raw` holds all of its card."""

    id: str
    raw: Mapping[str, Any]

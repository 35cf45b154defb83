"""One attempt's stream, cut at every byte and continued by pieces with other borders. No I/O."""

from __future__ import annotations

import json

import httpx
import pytest

from portkey_mistral._routing.outcomes import (
    Attempt,
    Committed,
    Failed,
    Interrupted,
    RequestFacts,
)
from portkey_mistral._transport.call import Call, Limits, WireRequest
from portkey_mistral._transport.options import TransportOptions
from portkey_mistral._transport.stream_attempt import STREAM_FAULTS, StreamAttempt
from portkey_mistral._wire.http_request import HTTPRequest
from portkey_mistral._wire.repeated_prefix import PrefixMismatchError, PrefixTrimmer
from portkey_mistral.accumulator import Assembler
from portkey_mistral.config import Target
from portkey_mistral.messages import TextPart, ThinkingPart
from portkey_mistral.responses import Delta, ToolCallDelta
from portkey_mistral.state import MemoryState

TEXTS = {
    "plain": "The cat sat.",
    "accented": "Où ça, Łódź ? Zürich.",
    "emoji": "👩‍👩‍👧 é́ 北京 🎉🎉 🇫🇷.",
    "repeats": "the the the the cat the",
}
ATTEMPT = Attempt("config", Target())


class Resumable:
    """Builds nothing, and lets every answer be continued."""

    def build(self, attempt: Attempt, so_far: str) -> WireRequest:
        raise NotImplementedError

    def not_resumable(self, attempt: Attempt) -> str | None:
        return None

    def cannot_resume_on(self, attempt: Attempt) -> str | None:
        return None


def call() -> Call:
    return Call(
        mode="direct",
        root=Target(),
        facts=RequestFacts("chat"),
        builder=Resumable(),
        decode=lambda body: body,
        transport_options=TransportOptions(),
        limits=Limits(timeout=httpx.Timeout(1)),
        state=MemoryState(),
        resume=True,
    )


def wire_request(prefix: str = "") -> WireRequest:
    request = HTTPRequest(url="https://api.mistral.ai/v1/x", body=b"", headers={})
    return WireRequest(request, "mistral-ai", "m", prefix=prefix)


def event(content: str, finish: str | None = None, *, ascii_only: bool = False) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    body = {"id": "c", "model": "m", "choices": [choice]}
    if finish:
        body["usage"] = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    return b"data: " + json.dumps(body, ensure_ascii=ascii_only).encode() + b"\n\n"


def stream(pieces: list[str], *, ascii_only: bool = False) -> bytes:
    events = [event(piece, ascii_only=ascii_only) for piece in pieces]
    return b"".join([event(""), *events, event("", "stop"), b"data: [DONE]\n\n"])


def read(attempt_stream: StreamAttempt, data: bytes, prefix: str = "") -> str:
    """Feed all, as a driver would; return what the caller was given."""
    given, sent = [], wire_request(prefix)
    attempt_stream.opened(sent, 200, {})
    try:
        given += attempt_stream.feed(data)
        given += attempt_stream.end()
    except STREAM_FAULTS as fault:
        given += attempt_stream.failed(fault, sent)
    return "".join(delta.text for delta in given)


@pytest.mark.parametrize(
    ("text", "step", "ascii_only"),
    [
        *((text, 1, False) for text in TEXTS.values()),
        (TEXTS["emoji"], 3, True),
        *(
            pytest.param(text, 3, True, marks=pytest.mark.full)
            for name, text in TEXTS.items()
            if name != "emoji"  # of the texts, it alone has pairs of escapes
        ),
    ],
)
def test_cut_at_every_byte_and_continued_it_is_the_same(
    text: str, step: int, *, ascii_only: bool
) -> None:
    data = stream(list(text), ascii_only=ascii_only)
    again = stream([text[at : at + step] for at in range(0, len(text), step)])
    for cut in range(len(data)):
        answer = Assembler()
        first = StreamAttempt(call(), ATTEMPT, answer)
        given = read(first, data[:cut])
        assert text.startswith(given)
        match first.finished.result.outcome:
            case Committed():
                assert (given, first.text_to_continue()) == (text, None)
                continue
            case Failed():
                assert (given, answer.messages()) == ("", ())
                continue
            case outcome:
                assert isinstance(outcome, Interrupted)
        assert first.text_to_continue() == given
        second = StreamAttempt(call(), ATTEMPT, answer, given, first.usage())
        given += read(second, again, given)
        assert given == text == answer.messages()[0].text
        assert isinstance(second.finished.result.outcome, Committed)
        assert answer.usage.estimated
        assert answer.usage.total_tokens > 12


FRAGMENT = {"id": "abcDEF123", "function": {"name": "f", "arguments": ""}, "index": 0}


def committed(*deltas: dict[str, object], finish: str | None = None) -> bool:
    reading = StreamAttempt(call(), ATTEMPT, Assembler())
    reading.opened(wire_request(), 200, {})
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        data = json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()
        given = reading.feed(b"data: " + data + b"\n\n")
        assert bool(given) == reading.committed
    return reading.committed


@pytest.mark.parametrize(
    "content",
    [
        {"content": "a"},
        {"content": [{"type": "text", "text": "a"}]},
        {"content": [{"type": "thinking", "thinking": []}]},
        {"tool_calls": [FRAGMENT]},
    ],
)
def test_the_commit_point_is_the_first_content(content: dict[str, object]) -> None:
    assert not committed({"role": "assistant", "content": ""})
    assert committed({"role": "assistant", "content": ""}, content)


def test_the_commit_point_is_a_finish_reason_where_there_is_no_content() -> None:
    assert committed({"content": ""}, finish="stop")
    assert not committed({"refusal": "No."})  # given whole, with the finish reason
    assert committed({"refusal": "No."}, finish="stop")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_prefix_is_trimmed_wherever_the_pieces_are_cut(text: str) -> None:
    for prefix in range(1, len(text) + 1):
        for border in range(len(text) + 1):
            trimmer = PrefixTrimmer(text[:prefix])
            deltas = [trimmer.trim(Delta(0, part)) for part in (text[:border], text[border:], "")]
            trimmer.check_complete()
            assert text[:prefix] + "".join(d.text for d in deltas if d) == text


def test_a_server_that_does_not_repeat_the_prefix_is_not_trimmed() -> None:
    trimmer = PrefixTrimmer("The cat ")
    assert trimmer.trim(Delta(0, "sat")).text == "sat"
    assert trimmer.trim(Delta(0, "The cat")).text == "The cat"


def test_text_in_parts_is_joined_as_text() -> None:
    trimmer = PrefixTrimmer("The cat ")
    delta = trimmer.trim(Delta(0, "The cat sat", (TextPart("The cat sat"),)))
    assert (delta.text, delta.parts) == ("sat", ())


@pytest.mark.parametrize(
    "delta",
    [
        Delta(0, "The dog"),
        Delta(0, "", (ThinkingPart("hm"),)),
        Delta(0, "", (), (ToolCallDelta(0, "abcdefghi", "f", "{}"),)),
    ],
)
def test_a_response_that_does_not_repeat_the_prefix(delta: Delta) -> None:
    trimmer = PrefixTrimmer("The cat ")
    trimmer.trim(Delta(0, "The "))
    with pytest.raises(PrefixMismatchError):
        trimmer.trim(delta)


def test_an_answer_that_ends_within_the_prefix() -> None:
    trimmer = PrefixTrimmer("The cat ")
    trimmer.trim(Delta(0, "The "))
    with pytest.raises(PrefixMismatchError, match="ended before"):
        trimmer.check_complete()

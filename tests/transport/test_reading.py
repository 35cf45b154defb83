"""One attempt's stream, cut at every byte, and taken up again with other borders. No I/O."""

from __future__ import annotations

import json

import httpx
import pytest

from portkey_mistral._engine.outcomes import Attempt, Committed, Failed, Interrupted
from portkey_mistral._transport.call import Call, Limits, Resumption, Sending
from portkey_mistral._transport.connections import Wiring
from portkey_mistral._transport.reading import BROKEN, Reading
from portkey_mistral._transport.seam import BrokenSeamError, Seam
from portkey_mistral._wire.assembly import Assembler
from portkey_mistral._wire.http import HTTPRequest
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


def call() -> Call:
    return Call(
        way="direct",
        plan=lambda _: iter(()),
        say=lambda *_: None,
        read=lambda body: body,
        wiring=Wiring(),
        limits=Limits(timeout=httpx.Timeout(1)),
        state=MemoryState(),
        resumption=Resumption(lambda _: None, lambda _: None),
    )


def sending(prefix: str = "") -> Sending:
    request = HTTPRequest(url="https://api.mistral.ai/v1/x", body=b"", headers={})
    return Sending(request, "mistral-ai", "m", prefix=prefix)


def event(content: str, finish: str | None = None, *, ascii_only: bool = False) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    body = {"id": "c", "model": "m", "choices": [choice]}
    if finish:
        body["usage"] = {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}
    return b"data: " + json.dumps(body, ensure_ascii=ascii_only).encode() + b"\n\n"


def stream(pieces: list[str], *, ascii_only: bool = False) -> bytes:
    told = [event(piece, ascii_only=ascii_only) for piece in pieces]
    return b"".join([event(""), *told, event("", "stop"), b"data: [DONE]\n\n"])


def read(reading: Reading, data: bytes, prefix: str = "") -> str:
    """Feed all, as a driver would; return what the caller was given."""
    given, sent = [], sending(prefix)
    reading.opened(sent, 200, {})
    try:
        given += reading.feed(data)
        if reading.fault is not None:
            raise reading.fault
        given += reading.end()
    except BROKEN as fault:
        given += reading.broke(fault, sent)
    return "".join(delta.text for delta in given)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(("step", "ascii_only"), [(1, False), (3, True)])
def test_cut_at_every_byte_and_taken_up_it_is_the_same(
    text: str, step: int, *, ascii_only: bool
) -> None:
    data = stream(list(text), ascii_only=ascii_only)
    again = stream([text[at : at + step] for at in range(0, len(text), step)])
    for cut in range(len(data)):
        answer = Assembler()
        first = Reading(call(), ATTEMPT, answer)
        given = read(first, data[:cut])
        assert text.startswith(given)
        match first.settled.verdict.outcome:
            case Committed():
                assert (given, first.continuable()) == (text, None)
                continue
            case Failed():
                assert (given, answer.messages()) == ("", ())
                continue
            case outcome:
                assert isinstance(outcome, Interrupted)
        assert first.continuable() == given
        second = Reading(call(), ATTEMPT, answer, given, first.cost())
        given += read(second, again, given)
        assert given == text == answer.messages()[0].text
        assert isinstance(second.settled.verdict.outcome, Committed)
        assert answer.usage.estimated
        assert answer.usage.total_tokens > 12


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_seam_fits_wherever_it_is_cut(text: str) -> None:
    for prefix in range(1, len(text) + 1):
        for border in range(len(text) + 1):
            seam = Seam(text[:prefix])
            deltas = [seam.trim(Delta(0, part)) for part in (text[:border], text[border:], "")]
            seam.check_complete()
            assert text[:prefix] + "".join(d.text for d in deltas if d) == text


def test_a_server_that_does_not_repeat_goes_on_at_once() -> None:
    seam = Seam("The cat ")
    assert seam.trim(Delta(0, "sat")).text == "sat"
    assert seam.trim(Delta(0, "The cat")).text == "The cat"


def test_text_in_parts_is_joined_as_text() -> None:
    seam = Seam("The cat ")
    delta = seam.trim(Delta(0, "The cat sat", (TextPart("The cat sat"),)))
    assert (delta.text, delta.parts) == ("sat", ())


@pytest.mark.parametrize(
    "delta",
    [
        Delta(0, "The dog"),
        Delta(0, "", (ThinkingPart("hm"),)),
        Delta(0, "", (), (ToolCallDelta(0, "abcdefghi", "f", "{}"),)),
    ],
)
def test_a_seam_that_does_not_fit(delta: Delta) -> None:
    seam = Seam("The cat ")
    seam.trim(Delta(0, "The "))
    with pytest.raises(BrokenSeamError):
        seam.trim(delta)


def test_an_answer_that_ends_within_the_prefix() -> None:
    seam = Seam("The cat ")
    seam.trim(Delta(0, "The "))
    with pytest.raises(BrokenSeamError, match="ended before"):
        seam.check_complete()

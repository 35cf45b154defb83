"""A stream is cut, stalled and corrupted at every event, and is still complete: nothing repeated, nothing lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from kinds import STREAMED, Kind, ask
from portkey_mistral import (
    Assembler,
    ChatResponse,
    Client,
    Message,
    ResponseFormat,
    StreamInterruptedError,
    Tool,
    Usage,
)
from portkey_mistral.sandbox import Fault, get, reset

TEXTS = {
    "plain": "The cat sat on the mat, and nobody in the house minded it at all.",
    "accented": "Où étiez-vous ? Zürich, Łódź, Çeşme, Ærø — même à l'été dernier, señor.",
    "emoji": "Да 🎉 北京 👩‍👩‍👧 é́ 🇫🇷 naïve 👍🏽 日本語 🧑🏿‍🚀 ok 🎈🎈 終わり。",
    "markup": '```py\nx = 1\n```\n\n| a | b |\n|---|---|\n  data: [DONE]\n\n\\u00e9 "q" \t end ',
}
FAULTS = {
    "reset": Fault(cut_after=0),
    "cut": Fault(cut_after=0, clean_cut=True),
    "error": Fault(error_after=0),
    "garbage": Fault(garble_after=0),
    "stall": Fault(stall_after=0, stall_seconds=30),
}
_EVENT_FIELDS = ("cut_after", "error_after", "garble_after", "stall_after")


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


def at(fault: Fault, event: int) -> Fault:
    fields = {field: event for field in _EVENT_FIELDS if getattr(fault, field) is not None}
    return replace(fault, **fields)  # type: ignore[arg-type]


def client(name: str, **fields: object) -> Client:
    """Two targets, so that a stream that breaks before its first content can fall back."""
    target = {"provider": "mistral-ai", "custom_host": f"sandbox:{name}"}
    other = {"provider": "mistral-ai", "custom_host": f"sandbox:{name}-other"}
    config = {"strategy": {"mode": "fallback"}, "targets": [target, other]}
    limits = {"first_token_timeout": 0.5, "idle_timeout": 0.5}
    given = {"portkey_config": config, "on_interrupt": "resume", **limits, **fields}
    return Client(base_url="sandbox:", **given)


def scripted(name: str, text: str, fault: Fault, *, times: int = 1) -> None:
    for sandbox in (get(name), get(f"{name}-other")):
        sandbox.reset()
        sandbox.reply(text, times=None)
    get(name).inject(fault, times=times)


def events_of(text: str) -> int:
    get("whole").reset()
    get("whole").reply(text)
    with Client(base_url="sandbox:whole").stream(ask()) as stream:
        return sum(1 for _ in stream) + 1  # [DONE] is one too


def run_all(kind: Kind, jobs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, ChatResponse]]:
    """Call several sandboxes concurrently, so that their backoffs overlap."""

    def one(job: tuple[str, str]) -> tuple[str, ChatResponse]:
        name, text = job
        return text, kind.run(client(name), ask(), None)

    with ThreadPoolExecutor(80) as pool:
        yield from pool.map(one, jobs)


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.full)])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_stream_broken_at_any_event_is_complete(kind: Kind, fault: str, times: int) -> None:
    jobs = []
    for language, text in TEXTS.items():
        for event in range(events_of(text)):
            name = f"{language}-{event}"
            scripted(name, text, at(FAULTS[fault], event), times=times)
            jobs.append((name, text))
    broken = 0
    for text, answer in run_all(kind, jobs):
        assert answer.text == text
        assert answer.finish_reason == "stop"
        assert answer.usage is not None
        resumed = [attempt for attempt in answer.info.attempts if attempt.error]
        broken += bool(resumed)
        assert answer.usage.estimated == any("after its first" in (a.error or "") for a in resumed)
    assert broken >= len(jobs) - 2 * len(TEXTS)


def words(count: int) -> str:
    return " ".join(f"wörd{n}" if n % 7 else f"🎈{n}," for n in range(count))


async def _long(text: str, name: str) -> tuple[str, str | None]:
    answer = Assembler()
    async with client(name, first_token_timeout=2.0, idle_timeout=2.0).astream(ask()) as stream:
        async for delta in stream:
            answer.add(delta)
    whole = answer.response()
    return whole.text, whole.finish_reason


@pytest.mark.parametrize(
    "size", [60, pytest.param(1000, marks=[pytest.mark.full, pytest.mark.timeout(900)])]
)
async def test_a_long_stream_broken_at_any_event_is_complete(size: int) -> None:
    text, kinds = words(size), list(FAULTS.values())
    last = events_of(text)
    for start in range(0, last, 250):
        names = []
        for event in range(start, min(start + 250, last)):
            names.append(f"long-{event - start}")
            scripted(names[-1], text, at(kinds[event % len(kinds)], event))
        answers = await asyncio.gather(*(_long(text, name) for name in names))
        assert set(answers) == {(text, "stop")}


@pytest.mark.full
@pytest.mark.timeout(900)
def test_long_streams_broken_in_threads_are_complete() -> None:
    text, kinds = words(1000), [fault for name, fault in FAULTS.items() if name != "stall"]
    for event in range(0, events_of(text), 13):
        scripted("long", text, at(kinds[event % len(kinds)], event))
        answer = STREAMED[0].run(
            client("long", first_token_timeout=None, idle_timeout=None), ask(), None
        )
        assert (answer.text, answer.finish_reason) == (text, "stop")


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("size", [1, 2, 5, 100_000])
def test_a_stream_cut_at_any_byte_is_complete(kind: Kind, size: int) -> None:
    """Borders of pieces fall into the middle of characters; the continuation has other borders."""
    text, jobs = TEXTS["emoji"], []
    for cut in range(700, 1500, 37):
        scripted(f"byte-{cut}", text, Fault(cut_bytes=cut, piece_bytes=size))
        get(f"byte-{cut}").inject(Fault(piece_bytes=size + 2))
        jobs.append((f"byte-{cut}", text))
    for expected, answer in run_all(kind, jobs):
        assert answer.text == expected


@pytest.mark.parametrize("kind", STREAMED)
def test_usage_counts_every_attempt_once(kind: Kind) -> None:
    text = words(60)
    scripted("paid", text, Fault(cut_after=30), times=2)
    answer = kind.run(client("paid"), ask("x" * 300), None)
    reported = 300 // 4
    assert answer.usage is not None
    assert answer.usage.estimated
    # Each of three attempts read the prompt; the second and the third read the half answer as well.
    half = answer.usage.completion_tokens
    assert answer.usage.prompt_tokens >= 3 * reported
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    get("paid").reset()
    get("paid").reply(text)
    whole = kind.run(client("paid"), ask("x" * 300), None).usage
    assert whole is not None
    assert not whole.estimated
    assert 0.5 * whole.completion_tokens < half < 2 * whole.completion_tokens


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("usage", ["none", "alone"])
def test_a_resumed_answer_has_estimated_usage_if_no_server_reports_it(
    kind: Kind, usage: str
) -> None:
    scripted("silent", TEXTS["plain"], Fault(cut_after=5))
    get("silent").inject(Fault(usage=usage))  # type: ignore[arg-type]
    answer = kind.run(client("silent"), ask(), None)
    assert answer.usage is not None
    assert answer.usage.estimated


@pytest.mark.parametrize("kind", STREAMED)
def test_the_continuation_request(kind: Kind) -> None:
    scripted("resumed", TEXTS["plain"], Fault(cut_after=5))
    kind.run(client("resumed"), ask("Tell.", max_tokens=100), None)
    first, second = (exchange.body for exchange in get("resumed").requests)
    *_, last = second["messages"]
    assert last == {"role": "assistant", "content": "The cat sat on", "prefix": True}
    assert second["messages"][:-1] == first["messages"]
    assert 90 <= second["max_tokens"] < 100
    assert {**second, "messages": 0, "max_tokens": 0} == {**first, "messages": 0, "max_tokens": 0}


@pytest.mark.parametrize("kind", STREAMED)
def test_max_tokens_of_a_target_is_reduced_too(kind: Kind) -> None:
    scripted("short", TEXTS["plain"], Fault(cut_after=5))
    config = {
        "provider": "mistral-ai",
        "custom_host": "sandbox:short",
        "override_params": {"max_tokens": 8},
    }
    kind.run(client("short", portkey_config=config), ask(max_tokens=1000), None)
    first, second = (exchange.body["max_tokens"] for exchange in get("short").requests)
    assert (first, second) == (8, 3)


def _thinking(name: str) -> None:
    get(name).reset()
    get(name).reply(
        TEXTS["plain"], thinking="Let me think about the cat and about its mat.", times=None
    )
    get(name).inject(Fault(cut_after=12))


NOT_RESUMED = [
    ({"tools": [Tool("lookup", "Look something up")]}, {}, "tools"),
    ({"response_format": ResponseFormat("json_object")}, {}, "response_format"),
    ({"n": 2}, {}, "n"),
    ({"reasoning_effort": "high"}, {}, "reasoning_effort"),
    ({}, {"response_format": {"type": "json_object"}}, "response_format"),
    ({}, {"n": 2}, "n"),
]


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(("fields", "overrides", "named"), NOT_RESUMED)
def test_only_plain_text_is_resumed(
    kind: Kind, fields: dict[str, object], overrides: dict[str, object], named: str
) -> None:
    scripted("more", '{"a": "one two three four five"}', Fault(cut_after=4))
    config = {
        "provider": "mistral-ai",
        "custom_host": "sandbox:more",
        "override_params": overrides,
        "retry": {"attempts": 3},
    }
    with pytest.raises(StreamInterruptedError, match=rf"and the request sets {named}\.") as caught:
        kind.run(client("more", portkey_config=config), ask(**fields), None)
    assert len(get("more").requests) == 1
    assert caught.value.partial is not None


@pytest.mark.parametrize("kind", STREAMED)
def test_reasoning_is_not_resumed(kind: Kind) -> None:
    """Reasoning models think by default."""
    _thinking("thinker")
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client("thinker"), ask(), None)
    assert len(get("thinker").requests) == 1
    assert caught.value.partial is not None
    assert not isinstance(caught.value.partial.content, str)


@pytest.mark.parametrize("kind", STREAMED)
def test_fill_in_the_middle_is_not_resumed(kind: Kind) -> None:
    from portkey_mistral import FIMRequest

    get("code").reply("a = 1\nb = 2\nc = 3\nd = 4\n", times=None)
    get("code").inject(Fault(cut_after=3))
    mine = Client(base_url="sandbox:code", on_interrupt="resume")
    with pytest.raises(StreamInterruptedError, match="only a chat"):
        kind.run(mine, FIMRequest(model="codestral-latest", prompt="x = 0"), None)


OPENAI = {"provider": "openai", "api_key": "k", "custom_host": "sandbox:openai"}


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize("codes", [None, [429, 500]])
def test_an_answer_is_continued_by_mistral_targets_only(
    kind: Kind, codes: list[int] | None
) -> None:
    scripted("first", TEXTS["plain"], Fault(cut_after=5), times=2)
    targets = [
        {"provider": "mistral-ai", "custom_host": "sandbox:first"},
        OPENAI,
        {"provider": "mistral-ai", "custom_host": "sandbox:first-other"},
    ]
    strategy = {"mode": "fallback"} | ({"on_status_codes": codes} if codes else {})
    config = {"strategy": strategy, "targets": targets}
    answer = kind.run(client("first", portkey_config=config), ask(), None)
    assert answer.text == TEXTS["plain"]
    assert answer.info.option_path == "config.targets[2]"
    assert len(get("openai").requests) == 0
    assert "only Mistral can continue" in str(answer.info.attempts[2].error)


@pytest.mark.parametrize("kind", STREAMED)
def test_without_a_further_target_the_error_has_the_partial_answer(kind: Kind) -> None:
    scripted("last", TEXTS["plain"], Fault(cut_after=5), times=2)
    targets = [{"provider": "mistral-ai", "custom_host": "sandbox:last"}, OPENAI]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client("last", portkey_config=config), ask(), None)
    assert caught.value.partial == Message("assistant", "The cat sat on")
    assert len(caught.value.attempts) == 3


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "fault", [Fault(status=400), Fault(status=500), Fault(connection="refused")]
)
def test_if_the_continuation_is_refused_the_error_has_the_partial_answer(
    kind: Kind, fault: Fault
) -> None:
    scripted("refused", TEXTS["plain"], Fault(cut_after=5))
    get("refused").inject(fault, times=None)
    config = {"provider": "mistral-ai", "custom_host": "sandbox:refused"}
    with pytest.raises(StreamInterruptedError, match="could not be continued") as caught:
        kind.run(client("refused", portkey_config=config), ask(), None)
    assert caught.value.partial == Message("assistant", "The cat sat on")
    assert caught.value.usage is not None
    assert caught.value.usage.estimated
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", STREAMED)
@pytest.mark.parametrize(
    "other", ["The cat sat under the table, and nobody minded.", "The cat"], ids=["leaves", "ends"]
)
def test_a_continuation_with_another_prefix_is_not_joined(kind: Kind, other: str) -> None:
    get("whim").reply(TEXTS["plain"])
    get("whim").inject(Fault(cut_after=5))
    repeated = (other + " ") if other.endswith("cat") else other
    events = [
        {
            "id": "c",
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": w}, "finish_reason": None}],
        }
        for w in repeated.split(" ")
    ]
    body = "".join(f"data: {_json(event)}\n\n" for event in events) + _END
    get("whim").inject(Fault(status=200, body=body, headers={"content-type": "text/event-stream"}))
    config = {"provider": "mistral-ai", "custom_host": "sandbox:whim"}
    with pytest.raises(StreamInterruptedError, match="the continued response") as caught:
        kind.run(client("whim", portkey_config=config), ask(), None)
    assert caught.value.partial == Message("assistant", "The cat sat on")


_END = (
    'data: {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": ""}, '
    '"finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
)


def _json(value: object) -> str:
    from pydantic_core import to_json

    return to_json(value).decode()


@pytest.mark.parametrize("kind", STREAMED)
def test_an_error_after_the_finish_reason_is_raised(kind: Kind) -> None:
    last = events_of(TEXTS["plain"]) - 1
    scripted("late", TEXTS["plain"], Fault(error_after=last))
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(client("late", on_interrupt="raise"), ask(), None)
    assert caught.value.partial == Message("assistant", TEXTS["plain"])
    assert len(get("late").requests) == 1


@pytest.mark.parametrize("kind", STREAMED)
def test_the_users_own_prefix_is_not_lost(kind: Kind) -> None:
    scripted("mine", TEXTS["plain"], Fault(cut_after=5))
    request = replace(
        ask(), messages=[Message.user("Go on."), Message("assistant", "The cat ", prefix=True)]
    )
    answer = kind.run(client("mine"), request, None)
    assert answer.text == TEXTS["plain"]
    assert get("mine").requests[1].body["messages"][-1]["content"] == "The cat sat on"


@pytest.mark.parametrize("kind", STREAMED)
def test_a_stream_that_broke_is_closed(kind: Kind) -> None:
    scripted("closed", TEXTS["plain"], Fault(stall_after=5, stall_seconds=30))
    kind.run(client("closed"), ask(), None)
    assert get("closed").in_flight == 0
    assert threading.active_count() < 40


@pytest.mark.parametrize("kind", STREAMED)
def test_an_error_is_raised_if_all_targets_failed_or_were_skipped(kind: Kind) -> None:
    """A plan that ends with a skipped target has no answer."""
    breaker = {"failure_threshold": 1, "cooldown_interval": 30000, "failure_status_codes": [500]}
    targets = [
        {"provider": "mistral-ai", "custom_host": "sandbox:down"},
        {"provider": "mistral-ai", "custom_host": "sandbox:open", "cb_config": breaker},
    ]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    get("down").fail(429, times=None)
    get("open").fail(500, times=None)
    for _ in range(2):
        with pytest.raises(Exception, match="Rate limit|Injected fault") as caught:
            kind.run(client("down", portkey_config=config), ask(), None)
    assert "Rate limit" in str(caught.value)


def test_estimates_add_up() -> None:
    one, two = Usage(1, 2, 3, estimated=True), Usage(4, 5, 9)
    assert one + two == Usage(5, 7, 12, estimated=True)

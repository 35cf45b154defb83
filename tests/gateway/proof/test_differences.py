"""Where our engine differs from the gateway on purpose: each with what either of them does.

There are no others; `test_routing.py` looks for them.
"""

from __future__ import annotations

import itertools
import json
import time
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate

import httpx
import pytest

from parity import Case, ours, placed, theirs
from portkey_mistral import (
    APIError,
    ChatRequest,
    Client,
    ConfigurationError,
    Message,
    StreamInterruptedError,
)
from routing_cases import UNREADABLE
from upstream import UpstreamReply

pytestmark = pytest.mark.gateway

FIELDS = {"model": "mistral-small-latest"}
ERROR = json.dumps({"object": "error", "message": "No."}).encode()
FAILS = UpstreamReply(503, ERROR)


def leaf(host, **more):
    return {"provider": "mistral-ai", "api_key": f"key-{host}", "custom_host": host, **more}


def fallback(*targets, **more):
    return {"strategy": {"mode": "fallback"}, "targets": list(targets), **more}


def conditional(query, **more):
    """`query` leads to target a, and everything else to b."""
    return {
        "strategy": {
            "mode": "conditional",
            "conditions": [{"query": query, "then": "a"}],
            "default": "b",
        },
        "targets": [leaf("a", name="a"), leaf("b", name="b")],
        **more,
    }


AB = fallback(leaf("a"), leaf("b"))


def case(config=AB, *replies, **more):
    """The replies are those of target a; b answers well."""
    return Case(config, {"a": replies} if replies else {}, fields=FIELDS, **more)


@pytest.fixture
def both(gateway, upstream):
    """Run a case both ways: the gateway's trace, then ours."""

    def run(some):
        return theirs(some, gateway, upstream), ours(some, upstream)

    return run


# --- unreadable-body --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        *(UpstreamReply(503, *body) for body in UNREADABLE),
        *(UpstreamReply(200, *body) for body in UNREADABLE),
        UpstreamReply(204, b""),
        UpstreamReply(304, b""),
        UpstreamReply(fault="cut"),
    ],
    ids=lambda reply: f"{reply.fault or reply.status}-{reply.body!r}",
)
def test_difference_unreadable_body(both, reply):
    """The gateway gives up on everything; here it is a failed attempt."""
    gateways, own = both(case(AB, reply))
    assert gateways.keys == ["key-a"]
    assert gateways.status == 500
    assert gateways.headers["x-portkey-gateway-exception"] == "true"
    assert own.keys == ["key-a", "key-b"]
    assert (own.status, own.path) == (200, "config.targets[1]")


@pytest.mark.parametrize("lane", ["unified", "proxy"])
@pytest.mark.parametrize("mode", ["chat", "stream", "embed"])
@pytest.mark.parametrize(
    "reply",
    [
        UpstreamReply(200, b"{}"),
        UpstreamReply(200, b"[]"),
        UpstreamReply(200, b"<html>Log in</html>", "text/html"),
        UpstreamReply(200, b'{"error": {"message": "No.", "type": "oops"}}'),
    ],
    ids=["object", "list", "html", "error"],
)
def test_difference_unreadable_body_that_passes_for_an_answer(both, reply, mode, lane):
    """The gateway takes its 200 at its word, and hands the caller what is no answer."""
    fields = {"model": "mistral-embed"} if mode == "embed" else FIELDS
    gateways, own = both(Case(AB, {"a": [reply]}, mode=mode, lane=lane, fields=fields))
    assert gateways.keys == ["key-a"]
    assert (gateways.status, gateways.path) == (200, "config.targets[0]")
    assert b'"choices"' not in gateways.body
    assert b'"embedding"' not in gateways.body
    assert own.keys == ["key-a", "key-b"]


# --- unresolved-condition ---------------------------------------------------------------------------


def test_difference_unresolved_condition(both):
    """Nothing holds and there is no default: the gateway ends the fallback around it, we go on."""
    inner = conditional({"metadata.tier": "gold"})
    del inner["strategy"]["default"]
    gateways, own = both(case(fallback(inner, leaf("c"))))
    assert gateways.keys == []
    assert gateways.status == 400
    assert own.keys == ["key-c"]
    assert (own.status, own.path) == (200, "config.targets[1]")


def test_difference_unresolved_condition_of_an_unknown_name(gateway, upstream):
    """The gateway finds out when the condition holds, and we when the config is read."""
    config = conditional({})
    config["strategy"]["conditions"][0]["then"] = "aa"
    found = theirs(case(config), gateway, upstream)
    assert found.status == 400
    assert b"Invalid target name" in found.body
    with pytest.raises(ConfigurationError, match="did you mean 'a'"):
        ours(case(config), upstream)


# --- sibling-conditions -----------------------------------------------------------------------------

GOLD = {"metadata.tier": "gold"}
NEVER = {"metadata.nobody": "is this"}


@pytest.mark.parametrize(
    "query",
    [
        {"$or": [GOLD], **NEVER},
        {"$and": [GOLD], **NEVER},
        {"metadata.tier": {"$regex": "^g", "$eq": "silver"}},
        {"metadata.nobody": {"$regex": "^un"}},
        {"params.metadata.tier": {"$ne": "gold"}},
    ],
    ids=["or", "and", "regex", "regex of a missing key", "three parts"],
)
def test_difference_sibling_conditions(both, query):
    """The gateway sees only a part of each of these, by which it holds; the whole does not."""
    fields = FIELDS | {"metadata": {"tier": "gold"}}
    some = case(conditional(query), metadata={"tier": "gold"})
    gateways, own = both(replace(some, fields=fields))
    assert gateways.keys == ["key-a"]
    assert own.keys == ["key-b"]


# --- linear-patterns --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern", ["(?<=g)old", r"^(g).*\1?$"], ids=["lookbehind", "backreference"]
)
def test_difference_linear_patterns(gateway, upstream, pattern):
    """The gateway's engine can do more, and takes exponential time where it has to try all ways."""
    config = conditional({"metadata.tier": {"$regex": pattern}})
    some = case(config, metadata={"tier": "gold"})
    assert theirs(some, gateway, upstream).keys == ["key-a"]
    with pytest.raises(
        ConfigurationError, match=r"\$regex: direct mode matches patterns in linear time"
    ):
        ours(some, upstream)


# --- dead-weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["", "ab"], ids=["no targets", "all zero"])
def test_difference_dead_weights(gateway, upstream, names):
    targets = [leaf(name, weight=0) for name in names]
    config = {"strategy": {"mode": "loadbalance"}, "targets": targets}
    # Nothing comes of it: an error by the name of a line of code, or not even that.
    with suppress(httpx.ReadTimeout):
        located = placed(config, lambda target: upstream.host("dead", target))
        assert gateway.post(case(), located, {}, timeout=2).status_code == 500
    with pytest.raises(ConfigurationError, match=r"config\.targets"):
        ours(case(config), upstream)


# --- key-spelling -----------------------------------------------------------------------------------


def test_difference_key_spelling_of_a_target(gateway, upstream):
    """The gateway's validator knows one spelling, and what reads the config behind it two."""

    def config(host):
        return {"provider": "mistral-ai", "apiKey": "key-a", "customHost": host}

    upstream.script("spelling", {})
    refused = gateway.post(case(), config(upstream.host("spelling", "a")), {})
    assert refused.status_code == 400
    assert "Invalid config passed" in refused.text
    Client(portkey_config=config(upstream.host("spelling", "a"))).chat(
        ChatRequest(messages=[Message.user("Hello!")], **FIELDS)
    )
    assert [hit.key for hit in upstream.take("spelling")] == ["key-a"]


def test_difference_key_spelling_in_override_params(both):
    """In camelCase the gateway rewrites the names of the request too, and then loses them."""
    gateways, own = both(case(leaf("a", overrideParams={"max_tokens": 7, "temperature": 0.5})))
    assert gateways.hits[0].body.items() >= {"temperature": 0.5}.items()
    assert "max_tokens" not in gateways.hits[0].body
    assert own.hits[0].body.items() >= {"temperature": 0.5, "max_tokens": 7}.items()


# --- retry-after ------------------------------------------------------------------------------------

# The header by which the server asks for a wait of so many seconds.
RETRY_AFTER = {
    "ms": lambda seconds: ("retry-after-ms", str(1000 * seconds)),
    "x-ms": lambda seconds: ("x-ms-retry-after-ms", str(1000 * seconds)),
    "seconds": lambda seconds: ("retry-after", str(seconds)),
    # A date has no fractions, and comes nearer while the call is prepared.
    "date": lambda seconds: ("retry-after", formatdate(time.time() + seconds + 2, usegmt=True)),
}


@pytest.mark.parametrize(
    ("retry_after", "spelling"),
    [
        *((each, "use_retry_after_header") for each in RETRY_AFTER),
        ("seconds", "use_retry_after_headers"),
    ],
)
def test_difference_retry_after(gateway, upstream, retry_after, spelling):
    """The npm build waits one second, whatever the header; no code there reads the plural key."""

    def busy(seconds):
        config = leaf("a", retry={"attempts": 1, spelling: True})
        refusal = UpstreamReply(429, ERROR, headers=(RETRY_AFTER[retry_after](seconds),))
        return case(config, refusal, UpstreamReply())

    gateways, own = theirs(busy(100), gateway, upstream), ours(busy(1), upstream)
    assert [gateways.status, own.status] == [200, 200]
    assert 0.95 < waits(gateways)[0] < 50
    assert 0.5 <= waits(own)[0] < 50


def test_difference_retry_after_of_another_status_than_429(both):
    """A patched gateway heeds a 429's only; the header is defined for 503 first (RFC 9110, 10.2.3)."""
    busy = UpstreamReply(503, ERROR, headers=(("retry-after", "2"),))
    config = leaf("a", retry={"attempts": 1, "use_retry_after_header": True})
    gateways, own = both(case(config, busy, UpstreamReply()))
    assert [gateways.status, own.status] == [200, 200]
    assert waits(gateways)[0] > 0.95
    assert waits(own)[0] >= 2.0


def test_difference_retry_after_beyond_the_budget(both):
    """Asked to wait a minute, our engine goes on to the next target at once."""
    busy = UpstreamReply(429, ERROR, headers=(("retry-after", "60"),))
    retry = {"attempts": 1, "use_retry_after_header": True}
    gateways, own = both(case(fallback(leaf("a", retry=retry), leaf("b")), busy))
    assert gateways.keys == ["key-a", "key-a", "key-b"]
    assert own.keys == ["key-a", "key-b"]


def waits(trace):
    return [after.at - before.at for before, after in itertools.pairwise(trace.hits)]


# --- jitter-deadline --------------------------------------------------------------------------------


def test_difference_jitter_deadline_of_waits(both, monkeypatch):
    """The gateway waits 1 and 2 seconds; we up to as much."""
    monkeypatch.setattr("portkey_mistral._transport.run._rng", Even())
    gateways, own = both(case(leaf("a", retry={"attempts": 2}), FAILS))
    assert waits(gateways)[0] > 0.95
    assert waits(gateways)[1] > 1.95
    # The tests' backoff begins with 0.01 seconds.
    assert waits(own)[0] >= 0.005
    assert waits(own)[1] >= 0.01
    assert sum(waits(own)) < sum(waits(gateways))


class Even:
    def random(self):
        return 0.5


def test_difference_jitter_deadline_of_a_caller_that_leaves(gateway, upstream):
    """The gateway goes on after its caller left; we end with the deadline, and so with the caller."""
    config = fallback(leaf("a", retry={"attempts": 1}), leaf("b"))
    some = case(config, UpstreamReply(503, ERROR, wait=0.3))
    upstream.script("left", some.scripts)
    there = placed(config, lambda target: upstream.host("left", target))
    left = httpx.Client(timeout=0.5)
    with left, pytest.raises(httpx.ReadTimeout):
        left.post(
            f"{gateway.url}/chat/completions",
            json={"messages": [], **FIELDS},
            headers={"x-portkey-config": json.dumps(there)},
        )
    wait_until(lambda: len(upstream.hits["left"]) == 3)
    assert [hit.key for hit in upstream.take("left")] == ["key-a", "key-a", "key-b"]

    upstream.script("late", some.scripts)
    there = placed(config, lambda target: upstream.host("late", target))
    client = Client(portkey_config=there, deadline=0.2)
    with pytest.raises(APIError):
        client.chat(ChatRequest(messages=[Message.user("Hello!")], **FIELDS))
    time.sleep(0.5)
    assert [hit.key for hit in upstream.take("late")] == ["key-a"]


def wait_until(holds, seconds=10):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)


# --- cache-safety -----------------------------------------------------------------------------------


def test_difference_cache_safety(both, gateway, upstream):
    """The npm build has no cache. Ours keeps answers and no errors, for the key that paid for them."""
    cached = leaf("a", cache={"mode": "simple", "max_age": 60})
    upstream.script("cached", {"a": [FAILS, UpstreamReply()]})

    def config(**more):
        return placed({**cached, **more}, lambda target: upstream.host("cached", target))

    body = {"messages": [{"role": "user", "content": "Hello!"}], **FIELDS}
    responses = [gateway.post(case(), config(), body) for _ in range(3)]
    assert [answer.status_code for answer in responses] == [503, 200, 200]
    assert {answer.headers["x-portkey-cache-status"] for answer in responses} == {"DISABLED"}
    assert len(upstream.take("cached")) == 3

    upstream.script("cached", {"a": [FAILS, UpstreamReply()]})
    request = ChatRequest(messages=[Message.user("Hello!")], **FIELDS)
    with pytest.raises(APIError):
        Client(portkey_config=config()).chat(request)
    mine = [Client(portkey_config=config()).chat(request).info.cache_status for _ in range(2)]
    other = Client(portkey_config=config(api_key="key-of-another")).chat(request)
    assert mine == [None, "HIT"]
    assert other.info.cache_status is None
    assert [hit.key for hit in upstream.take("cached")] == ["key-a", "key-a", "key-of-another"]


def test_difference_cache_safety_max_age(upstream):
    """In seconds, as the hosted gateway documents it; the open-source one reads milliseconds."""
    upstream.script("aged", {})
    config = leaf("a", cache={"mode": "simple", "max_age": 1})
    config = placed(config, lambda target: upstream.host("aged", target))
    request = ChatRequest(messages=[Message.user("How old?")], **FIELDS)

    def status():
        return Client(portkey_config=config).chat(request).info.cache_status

    first, second = status(), status()
    time.sleep(1.1)
    assert [first, second, status()] == [None, "HIT", None]
    assert len(upstream.take("aged")) == 2


# --- redirects --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_difference_redirects(gateway, upstream, status):
    """The gateway goes wherever it is sent, key and all within one host; here that is a failed attempt."""
    upstream.script("elsewhere", {})
    moved = UpstreamReply(
        status, b"{}", headers=(("location", upstream.host("elsewhere", "x") + "/y"),)
    )
    some = case(AB, moved)
    theirs(some, gateway, upstream)
    (followed,) = upstream.take("elsewhere")
    assert followed.method == ("GET" if status in (301, 302) else "POST")
    assert followed.key == "key-a"

    upstream.script("elsewhere", {})
    own = ours(some, upstream)
    assert upstream.take("elsewhere") == []
    assert own.keys == ["key-a", "key-b"]


# --- stream-framing ---------------------------------------------------------------------------------


def event(text, **more):
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    return json.dumps({"id": "a", "object": "chat.completion.chunk", "choices": [choice]}).encode()


ONE, TWO, DONE = event("one "), event("two"), event("", finish_reason="stop")
USAGE = json.dumps({"id": "a", "choices": [], "usage": {"prompt_tokens": 1}}).encode()
IN_BAND = b'{"object":"error","message":"No.","type":"oops"}'


def sse(*events, end=b"\n\n", start=b"data: "):
    return b"".join(start + event + end for event in events)


@pytest.mark.parametrize(
    "body",
    [
        sse(ONE) + b": a comment\n\n" + sse(TWO, DONE, b"[DONE]"),
        sse(ONE) + b"event: message\n" + sse(TWO, DONE, b"[DONE]"),
        sse(ONE) + sse(TWO, DONE, b"[DONE]", start=b"data:"),
        sse(ONE, TWO, DONE, b"[DONE]", end=b"\r\n\r\n"),
        sse(ONE, USAGE, TWO, DONE, b"[DONE]"),
    ],
    ids=["comment", "named event", "no blank", "CRLF", "usage alone"],
)
def test_difference_stream_framing(gateway, upstream, body):
    """What the standard allows ends the gateway's stream, cleanly and too early."""
    reply = UpstreamReply(200, body, "text/event-stream")
    gateways = theirs(case(leaf("a"), reply, mode="stream"), gateway, upstream)
    assert gateways.status == 200
    assert b"two" not in gateways.body
    assert b"error" not in gateways.body
    assert "".join(delta.text for delta in streamed(upstream, reply)) == "one two"


@pytest.mark.parametrize(
    "reply",
    [
        UpstreamReply(200, sse(ONE, IN_BAND), "text/event-stream"),
        UpstreamReply(200, sse(ONE), "text/event-stream"),
        UpstreamReply(
            200, sse(ONE) + b"data: {" + b" " * len(sse(ONE)), "text/event-stream", fault="cut"
        ),
    ],
    ids=["error in band", "no finish", "cut"],
)
def test_difference_stream_framing_of_broken_streams(gateway, upstream, reply):
    """The gateway ends a broken stream as if it were whole."""
    gateways = theirs(case(leaf("a"), reply, mode="stream"), gateway, upstream)
    assert gateways.status == 200
    assert b"one " in gateways.body
    assert b"error" not in gateways.body
    with pytest.raises(StreamInterruptedError) as caught:
        list(streamed(upstream, reply))
    assert caught.value.partial.text == "one "


def test_difference_stream_framing_of_another_good_status(gateway, upstream):
    """The gateway knows a stream by the statuses 200 and 246, and fails by itself at any other."""
    reply = UpstreamReply(201, sse(ONE, TWO, DONE, b"[DONE]"), "text/event-stream")
    gateways = theirs(case(leaf("a"), reply, mode="stream"), gateway, upstream)
    assert gateways.status == 500
    assert gateways.headers["x-portkey-gateway-exception"] == "true"
    assert "".join(delta.text for delta in streamed(upstream, reply)) == "one two"


def streamed(upstream, reply):
    upstream.script("streamed", {"a": [reply]})
    config = placed(leaf("a"), lambda target: upstream.host("streamed", target))
    request = ChatRequest(messages=[Message.user("Hello!")], **FIELDS)
    with Client(portkey_config=config).stream(request) as stream:
        yield from stream

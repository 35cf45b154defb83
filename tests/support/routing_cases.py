"""Draws routing cases: a config that both sides interpret alike, and the answers of its targets.

What differs on purpose is not drawn, and has named tests; but for bodies that cannot be read. Those are
drawn, and `readable` gives the case in which the gateway does what our engine does with them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from parity import Case, Lane
from upstream import UpstreamReply

__all__ = ["UNREADABLE", "cases", "has_short_limit", "readable"]

MOST_LEAVES = 6
DEEPEST = 3
# Milliseconds. The short one is waited for where a target hangs; the long one is far off whatever happens.
SHORT, LONG = 2_000, 30_000

# --- what the targets answer ------------------------------------------------------------------------

# Few enough that the lists of a config meet them often.
ERRORS = (400, 404, 408, 429, 446, 500, 503, 529)
CODES = (*ERRORS, 200, 246)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


# Body and content type of errors that the gateway can pass on.
READABLE = (
    (_json({"object": "error", "message": "No.", "type": "oops", "code": 1}), "application/json"),
    (_json({"detail": [{"loc": ["body"], "msg": "No."}]}), "application/json; charset=utf-8"),
    (_json({"error": {"message": "No."}}), "application/json"),
    (_json({}), "application/json"),
    (_json([]), "application/json"),
    (_json(["No."]), "application/json"),
    (b"<html>Bad gateway</html>", "text/html"),
    (b"", "text/html"),
    (b"upstream connect error", "text/plain"),
    (b"No.", None),
)
# Those that end everything on the gateway's unified route (the difference `unreadable-body`).
UNREADABLE = (
    (b"<html>Bad gateway</html>", "application/json"),
    (b"", "application/json"),
    (b'{"message": ', "application/json"),
    (_json(None), "application/json"),
    (_json("No."), "application/json"),
    (_json(3), "application/json"),
)
PLAIN_ERROR, PLAIN_KIND = READABLE[0]


def _errors(bodies: Sequence[tuple[bytes, str | None]]) -> st.SearchStrategy[UpstreamReply]:
    return st.builds(
        lambda status, body: UpstreamReply(status, *body),
        st.sampled_from(ERRORS),
        st.sampled_from(bodies),
    )


# The gateway knows a stream by these two statuses.
GOOD_STREAM = st.sampled_from(
    [UpstreamReply(), UpstreamReply(), UpstreamReply(wait=0.1), UpstreamReply(246)]
)
GOOD = GOOD_STREAM | st.sampled_from([UpstreamReply(201), UpstreamReply(202)])
RESET = st.just(UpstreamReply(fault="reset"))
HANG = st.just(UpstreamReply(fault="hang"))
CUT = st.just(UpstreamReply(fault="cut"))
NO_ANSWER = st.sampled_from(
    [
        *(UpstreamReply(200, *body) for body in UNREADABLE),
        UpstreamReply(200, b"<html>Log in</html>", "text/html"),
        UpstreamReply(200, _json({})),
        UpstreamReply(200, _json([])),
        UpstreamReply(200, _json({"error": {"message": "No."}})),
        UpstreamReply(204, b""),
    ]
)


def _replies(*, streamed: bool, timed: bool, unread: bool) -> st.SearchStrategy[UpstreamReply]:
    errors = [_errors(READABLE), _errors(READABLE), _errors(UNREADABLE)]
    # Of a stream that is thrown away nobody reads on, so nobody finds out what is wrong with it.
    broken = [] if unread else [CUT, NO_ANSWER]
    faults = [RESET, *broken, *([HANG] if timed else [])]
    return st.one_of(GOOD_STREAM if streamed else GOOD, *errors, *faults)


def readable(case: Case) -> Case:
    """Replace what the gateway cannot read by what our engine takes it for."""
    scripts = {
        target: [_readable(reply) for reply in replies] for target, replies in case.scripts.items()
    }
    return dataclasses.replace(case, scripts=scripts)


def _readable(reply: UpstreamReply) -> UpstreamReply:
    match reply:
        case UpstreamReply(fault="cut"):
            return UpstreamReply(fault="reset")
        case UpstreamReply(status=status, body=bytes()) if status < 300:
            return UpstreamReply(500, PLAIN_ERROR, PLAIN_KIND)
        case UpstreamReply(status=status, body=body, kind=kind) if (body, kind) in UNREADABLE:
            return UpstreamReply(status, PLAIN_ERROR, PLAIN_KIND)
        case _:
            return reply


# --- the request ------------------------------------------------------------------------------------

MODELS = ("mistral-small-latest", "mistral-large-latest", "ministral-8b-latest")
CHAT_FIELDS: Mapping[str, st.SearchStrategy[Any]] = {
    "temperature": st.sampled_from([0.0, 1.5e-7, 0.3, 0.7, 1.0]),
    "top_p": st.sampled_from([0.1, 0.9]),
    "max_tokens": st.sampled_from([1, 10, 100]),
    "random_seed": st.sampled_from([0, 7]),
    "safe_prompt": st.booleans(),
    "stop": st.sampled_from(["end", ["a", "b"], ["10"]]),
}
FIELDS: Mapping[str, Mapping[str, st.SearchStrategy[Any]]] = {
    "chat": {"model": st.sampled_from(MODELS), **CHAT_FIELDS},
    "fim": {
        "model": st.just("codestral-latest"),
        **{name: CHAT_FIELDS[name] for name in ("temperature", "max_tokens", "stop")},
        "suffix": st.sampled_from(["return x", "}"]),
    },
    "embed": {
        "model": st.just("mistral-embed"),
        "metadata": st.just({"job": "a"}),
        "encoding_format": st.just("float"),
    },
}
# An embedding never changes its model.
OVERRIDES = {
    "chat": {**FIELDS["chat"], "metadata": st.sampled_from([{"a": "1"}, {"b": "2"}])},
    "fim": FIELDS["fim"],
    "embed": {"metadata": st.sampled_from([{"job": "b"}, {"run": "c"}])},
}
METADATA: Mapping[str, st.SearchStrategy[str]] = {
    "tier": st.sampled_from(["gold", "silver", "", "5\N{NO-BREAK SPACE}é"]),
    "spend": st.sampled_from(["10", "9.5", "1e2", "20 euros", "many"]),
}


def _some(fields: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict(fields))


def _asked(operation: str) -> st.SearchStrategy[dict[str, Any]]:
    model, *others = FIELDS[operation].items()
    return st.fixed_dictionaries(dict([model]), optional=dict(others))


# --- conditions -------------------------------------------------------------------------------------

TEXTS = ("gold", "silver", "10", "9.5", "mistral-small-latest", "true", "7", "")
NUMBERS = (0, 0.3, 7, 9.5, 10, 100)
VALUES = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans(), st.none())
ORDERS = st.sampled_from([*NUMBERS, "9.5", "10", "1e1", "7 days", "gold"])
LISTS = st.lists(VALUES, max_size=3)
# None of these is found in the text "undefined" (the difference `sibling-conditions`).
PATTERNS = st.sampled_from(
    [
        "^gold",
        "ol",
        "small|large",
        "[0-9]$",
        "^true$",
        "\\d\\.\\d",
        "\\d\\s",
        "\\s\\w",
        "^$",
        "a,b",
        "ct O",
        "e-7",
    ]
)
OPERATORS = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "$eq": VALUES,
            "$ne": VALUES,
            "$gt": ORDERS,
            "$gte": ORDERS,
            "$lt": ORDERS,
            "$lte": ORDERS,
            "$in": LISTS,
            "$nin": LISTS,
        },
    ).filter(bool),
    st.fixed_dictionaries({"$regex": PATTERNS}),
)
SUBJECTS = st.sampled_from(
    [
        "metadata.tier",
        "metadata.spend",
        "metadata.nobody",
        "params.model",
        "params.temperature",
        "params.max_tokens",
        "params.random_seed",
        "params.safe_prompt",
        "params.stop",
        "params.suffix",
        "params.metadata",
        "params.stream",
    ]
)
QUERIES = st.recursive(
    st.dictionaries(SUBJECTS, VALUES | OPERATORS, max_size=2),
    lambda queries: st.builds(
        lambda combiner, parts: {combiner: parts},
        st.sampled_from(["$and", "$or"]),
        st.lists(queries, max_size=3),
    ),
    max_leaves=4,
)

# --- configs ----------------------------------------------------------------------------------------

STATUS_LISTS = st.lists(st.sampled_from(CODES), max_size=4, unique=True)
RETRIES = st.builds(
    lambda attempts, codes: (
        {"attempts": attempts} | ({} if codes is None else {"on_status_codes": codes})
    ),
    st.integers(0, 1),
    st.none() | STATUS_LISTS,
)
WEIGHTS = st.sampled_from([1, 0.5, 3])


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """The state of one case while its config is drawn."""

    draw: st.DrawFn
    operation: str
    lane: Lane
    streamed: bool
    timed: bool

    @property
    def timeout(self) -> int:
        return SHORT if self.timed else LONG

    def once_in(self, times: int) -> bool:
        """Whether something rare happens; it does not in the simplest case."""
        return self.draw(st.integers(1, times)) == times

    def node(self, path: str, leaves: int) -> dict[str, Any]:
        """A node with this many targets below it, or a target."""
        if leaves == 1 and (path.count(".") == DEEPEST or not self.once_in(4)):
            return self.shared(path) | self.leaf(path)
        return self.shared(path) | self.strategy(path, leaves)

    def leaf(self, path: str) -> dict[str, Any]:
        return {
            "provider": self.draw(self.providers()),
            "api_key": f"key-{path}",
            **({"custom_host": f"t{path}"} if not self.once_in(5) else {}),
        }

    def providers(self) -> st.SearchStrategy[str]:
        # Where bodies are compared, only Mistral's names are used.
        others = ("openai",) if self.lane == "unified" else ()
        return st.sampled_from(["mistral-ai", "mistral-ai", "mistral-ai", *others])

    def shared(self, path: str) -> dict[str, Any]:
        """The settings that any node may have, and that are inherited."""
        fields: dict[str, Any] = {}
        if self.once_in(3):
            fields["override_params"] = self.draw(_some(OVERRIDES[self.operation]))
        if self.once_in(3):
            fields["retry"] = self.draw(RETRIES)
        if self.once_in(5):
            fields["request_timeout"] = self.draw(st.sampled_from([0, self.timeout]))
        return fields

    def strategy(self, path: str, leaves: int) -> dict[str, Any]:
        sizes = self.sizes(path, leaves)
        targets = [self.node(f"{path}.{at}", size) for at, size in enumerate(sizes)]
        modes = ("single", *["fallback"] * 4, "loadbalance", "conditional")
        mode = self.draw(st.sampled_from(modes))
        strategy: dict[str, Any] = {"mode": mode}
        match mode:
            case "fallback" if self.draw(st.booleans()):
                strategy["on_status_codes"] = self.draw(STATUS_LISTS)
            case "loadbalance":
                chosen = self.draw(st.integers(0, len(targets) - 1))
                for at, target in enumerate(targets):
                    target["weight"] = self.draw(WEIGHTS) if at == chosen else 0
            case "conditional":
                names = [f"n{at}" for at in range(len(targets))]
                for name, target in zip(names, targets, strict=True):
                    target["name"] = name
                strategy |= self.conditions(names)
            case _:
                pass
        return {"strategy": strategy, "targets": targets}

    def sizes(self, path: str, leaves: int) -> list[int]:
        """Deal the leaves among one to three targets; below a certain depth there are no more branches."""
        if path.count(".") >= DEEPEST:
            return [1] * leaves
        sizes: list[int] = []
        while leaves and len(sizes) < 2:
            sizes.append(self.draw(st.integers(1, leaves)))
            leaves -= sizes[-1]
        return [*sizes, leaves] if leaves else sizes

    def conditions(self, names: Sequence[str]) -> dict[str, Any]:
        condition = st.fixed_dictionaries({"query": QUERIES, "then": st.sampled_from(names)})
        return {
            "conditions": self.draw(st.lists(condition, min_size=1, max_size=3)),
            "default": self.draw(st.sampled_from(names)),
        }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any case that the gateway and our engine have to treat alike, once it is made `readable`."""
    mode = draw(
        st.sampled_from(["chat", "achat", "stream", "astream", "embed", "aembed", "fim", "afim"])
    )
    operation = "chat" if "stream" in mode else mode.removeprefix("a")
    timed = draw(st.integers(1, 5)) == 5
    lane: Lane = "proxy" if operation == "fim" else draw(st.sampled_from(["unified", "proxy"]))
    drawing = _Drawing(draw, operation, lane, "stream" in mode, timed)
    config = drawing.node("0", draw(st.integers(1, MOST_LEAVES)))
    config.setdefault("custom_host", "root")
    if timed:
        config["request_timeout"] = SHORT
    unread = drawing.streamed and _goes_on_after_success(config)
    reply = _replies(streamed=drawing.streamed, timed=timed, unread=unread)
    replies = st.lists(reply, min_size=1, max_size=3)
    return Case(
        config=config,
        scripts={host: draw(replies) for host in dict.fromkeys(_hosts(config))},
        mode=mode,
        lane=lane,
        fields=draw(_asked(operation)),
        metadata=draw(_some(METADATA)),
    )


def has_short_limit(case: Case) -> bool:
    """Whether a time limit is part of the case: where targets may hang, all of them have a short one."""
    return case.config.get("request_timeout") == SHORT


def _goes_on_after_success(node: Mapping[str, Any]) -> bool:
    lists = [node.get(rules, {}).get("on_status_codes", ()) for rules in ("strategy", "retry")]
    return any(code < 300 for codes in lists for code in codes) or any(
        map(_goes_on_after_success, node.get("targets", ()))
    )


def _hosts(node: Mapping[str, Any]) -> list[str]:
    """The hosts that are named anywhere in a config."""
    own = [node["custom_host"]] if "custom_host" in node else []
    return own + [host for target in node.get("targets", ()) for host in _hosts(target)]

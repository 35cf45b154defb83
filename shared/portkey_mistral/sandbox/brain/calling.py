"""Decide which tools to call, and with what.

A tool is wanted where a clause of what the user said shares its words; with a forced choice the likeliest
one is called even if none is. Each clause fills the arguments of its own call, so that one sentence can ask
for two things at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic_core import from_json, to_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.brain.evidence import Evidence
from portkey_mistral.sandbox.brain.filling import fill
from portkey_mistral.sandbox.brain.formats import digest
from portkey_mistral.sandbox.brain.talk import Talk, Tool
from portkey_mistral.sandbox.brain.words import split_name, stems

__all__ = ["choose_calls"]

_CLAUSE = re.compile(r"(?<=[.?!;])\s+|\n+|,?(?<!\s)\s+(?:and then|then|and also|and)\s+|,\s+")
_ASKED = re.compile(
    r"\b(?:use|using|call|invoke|with) (?:the|a|an|your|this)?\s?(?:\w+ )?(?:tools?|functions?)\b",
    re.IGNORECASE,
)
_ENOUGH = 0.5
# Verbs in the names of tools that say nothing about their subject.
_VERBS = frozenset(
    stems("get fetch search find lookup compute calculate run do make create query tool function")
)
_SIGNS = {
    "+": "add", "-": "subtract", "\u2212": "subtract", "*": "multiply", "\u00d7": "multiply", "/": "divide",
    "÷": "divide",
}  # fmt: skip
_SIGN = re.compile(r"(?<=\d)\s*([-+\u2212*\u00d7/÷])\s*(?=\d)")
_TIMES = re.compile(r"(?<=\d)\s+(?:times|x)\s+(?=\d)")


@dataclass(frozen=True, slots=True)
class _Wish:
    """A tool and the part of the text that asks for it."""

    tool: Tool
    clause: str


def choose_calls(talk: Talk) -> tuple[Call, ...]:
    """Return the calls to make now, none where the answer should be in words."""
    if (
        not talk.tools
        or talk.choice == "none"
        or talk.turns[-1].role not in {"user", "tool", "system"}
    ):
        return ()
    wished = [call for wish in _wishes(talk) for call in _calls(wish, talk)]
    calls = _open(wished, talk.called)
    if not calls and talk.choice in {"any", "named"}:
        calls = [call for wish in _forced(talk) for call in _calls(wish, talk)]
    return tuple(calls if talk.parallel else calls[:1])


def _open(wished: Sequence[Call], made: Sequence[Call]) -> list[Call]:
    """Return the wishes that no call since the user spoke has met: by arguments, else by number.

    By number, so that results which change how a wish is read never make a tool be called for ever.
    """
    left: list[Call] = []
    for name in dict.fromkeys(call.name for call in wished):
        mine = list(dict.fromkeys(call for call in wished if call.name == name))
        done = [_plain(call) for call in made if call.name == name]
        fresh = [call for call in mine if _plain(call) not in done]
        left.extend(fresh[: max(0, len(mine) - len(done))])
    return [call for call in dict.fromkeys(wished) if call in left]


def _plain(call: Call) -> object:
    """Return the arguments as a value: clients write the same JSON with other white space."""
    try:
        return from_json(call.arguments)
    except ValueError:
        return call.arguments


def _wishes(talk: Talk) -> list[_Wish]:
    text = _spelled(talk.said)
    wishes: list[_Wish] = []
    for clause in _CLAUSE.split(text):
        tool = _wanted(clause, talk.tools)
        if tool is not None:
            wishes.append(_Wish(tool, clause))
        elif wishes:
            wishes[-1] = _Wish(wishes[-1].tool, f"{wishes[-1].clause} and {clause}")
    if not wishes and (tool := _wanted(text, talk.tools)):
        return [_Wish(tool, text)]
    if not wishes and _ASKED.search(text):
        return [_Wish(_likeliest(text, talk.tools), text)]
    return _joined(wishes, text)


def _joined(wishes: Sequence[_Wish], text: str) -> list[_Wish]:
    """Make one wish of neighbours that want the same tool but hold no arguments of their own."""
    joined: list[_Wish] = []
    for wish in wishes:
        if joined and joined[-1].tool is wish.tool and not _has_arguments(wish):
            joined[-1] = _Wish(wish.tool, f"{joined[-1].clause}, {wish.clause}")
        else:
            joined.append(wish)
    return [_Wish(joined[0].tool, text)] if len(joined) == 1 else joined


def _has_arguments(wish: _Wish) -> bool:
    evidence = Evidence(wish.clause)
    kinds = {each.get("type") for each in wish.tool.properties.values() if isinstance(each, dict)}
    numbers = evidence.number("", "", fits=lambda _: True) is not None
    return (numbers and bool(kinds & {"integer", "number"})) or bool(
        kinds & {"string"} and (evidence.quotations() or evidence.names() or evidence.foreign())
    )


def _forced(talk: Talk) -> list[_Wish]:
    """A demanded call that nothing asks for: the likeliest tool, after results the last one not called."""
    called = {call.name for call in talk.called}
    left = [tool for tool in talk.tools if tool.name not in called]
    if not left:
        return []
    tool = left[-1] if talk.results else _likeliest(talk.said, left)
    return [_Wish(tool, talk.said)]


def _wanted(clause: str, tools: Sequence[Tool]) -> Tool | None:
    scored = [(_score(clause, tool), -place, tool) for place, tool in enumerate(tools)]
    best = max(scored, key=lambda each: each[:2])
    return best[2] if best[0] >= _ENOUGH else None


def _likeliest(text: str, tools: Sequence[Tool]) -> Tool:
    return max(tools, key=lambda tool: _score(text, tool))


def _score(text: str, tool: Tool) -> float:
    """Return how much a text speaks of a tool: 1 and more for its name, less for its description."""
    if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text):
        return 3
    words = set(stems(text))
    name = set(stems(split_name(tool.name)))
    telling = (name - _VERBS) or name
    by_name = len(words & telling) / len(telling) if telling else 0
    described = set(stems(tool.description)) - _VERBS
    shared = words & described
    by_description = (
        len(shared) / len(words) if words and (len(shared) > 1 or len(words) == 1) else 0
    )
    return by_name + 0.9 * by_description


def _calls(wish: _Wish, talk: Talk) -> Iterator[Call]:
    for clause in _repeated(wish):
        wider = talk.everything if talk.results else talk.said
        text = digest(talk.said) or clause
        arguments = fill({"type": "object", **wish.tool.parameters}, text, wider=_spelled(wider))
        yield Call(wish.tool.name, to_json(arguments).decode())


def _repeated(wish: _Wish) -> Sequence[str]:
    """Ask twice for "the weather in Paris and Rome", where the tool takes one text."""
    required = wish.tool.parameters.get("required") or ()
    match [wish.tool.properties.get(name) for name in required]:
        case [{"type": "string"}] if names := _coordinated(wish.clause):
            first = names[0]
            return [wish.clause[: wish.clause.index(first)] + name for name in names]
        case _:
            return [wish.clause]


def _coordinated(text: str) -> Sequence[str]:
    """Return the names of "Paris, Rome and Oslo"; none where there is no enumeration of names."""
    name = r"[A-ZÀ-ÖØ-Þ][\w'\u2019-]*(?: [A-ZÀ-ÖØ-Þ][\w'\u2019-]*)*"
    found = re.search(
        rf"\b(?:in|for|of|about|to|at) ({name}(?:, {name})*,? and (?:in |for |of |about |to |at )?{name})",
        text,
    )
    if not found:
        return ()
    return re.split(r",? and (?:in |for |of |about |to |at )?|, ", found.group(1))


def _spelled(text: str) -> str:
    """Write arithmetic signs as the words by which tools are called."""
    text = _SIGN.sub(lambda sign: f" {_SIGNS[sign.group(1)]} ", text)
    return _TIMES.sub(" multiply ", text)

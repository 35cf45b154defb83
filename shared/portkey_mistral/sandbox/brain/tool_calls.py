"""Decide which tools to call, and with which arguments.

A tool is called if a clause of the user's text shares its words; with a forced choice the likeliest tool is
called even if none does. Each clause fills the arguments of its own call, so that one sentence can ask for
two calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from portkey_mistral.sandbox.answers import Call
from portkey_mistral.sandbox.brain.conversation import Conversation, Tool
from portkey_mistral.sandbox.brain.evidence import Evidence
from portkey_mistral.sandbox.brain.framework_prompts import restate_choices
from portkey_mistral.sandbox.brain.ranking import overlap
from portkey_mistral.sandbox.brain.schema_values import fill
from portkey_mistral.sandbox.brain.words import split_name, stems

__all__ = ["choose_calls"]

_CLAUSE = re.compile(r"(?<=[.?!;])\s+|\n+|,?(?<!\s)\s+(?:and then|then|and also|and)\s+|,\s+")
_ASKED = re.compile(
    r"\b(?:use|using|call|invoke|with) (?:the|a|an|your|this)?\s?(?:\w+ )?(?:tools?|functions?)\b",
    re.IGNORECASE,
)
_ENOUGH = 0.5
# Verbs in tool names that say nothing about their subject.
_VERBS = frozenset(
    stems("get fetch search find lookup compute calculate run do make create query tool function")
)
_SIGNS = {
    "+": "add", "-": "subtract", "\u2212": "subtract", "*": "multiply", "\u00d7": "multiply", "/": "divide",
    "÷": "divide",
}  # fmt: skip
_SIGN = re.compile(r"(?<=\d)\s*([-+\u2212*\u00d7/÷])\s*(?=\d)")
_EXPLAINED = re.compile(r"""['"]([\w.-]{1,64})['"]: ['"]([^'"\n]*)['"]""")
_TIMES = re.compile(r"(?<=\d)\s+(?:times|x)\s+(?=\d)")


@dataclass(frozen=True, slots=True)
class _ToolRequest:
    """A tool, and the clause of the text that asks for it."""

    tool: Tool
    clause: str


def choose_calls(conversation: Conversation) -> tuple[Call, ...]:
    """Return the tool calls to make now; none if the answer should be text."""
    if (
        not conversation.tools
        or conversation.choice == "none"
        or conversation.turns[-1].role not in {"user", "tool", "system"}
    ):
        return ()
    requested = [
        call for request in _tool_requests(conversation) for call in _calls(request, conversation)
    ]
    calls = _not_made(requested, conversation.called)
    if not calls and conversation.choice in {"any", "named"}:
        calls = [
            call for request in _forced(conversation) for call in _calls(request, conversation)
        ]
    return tuple(calls if conversation.parallel else calls[:1])


def _not_made(requested: Sequence[Call], made: Sequence[Call]) -> list[Call]:
    """Return the requested calls that have not been made since the last user message.

    Calls count as made by equal arguments, and beyond that by number: results can change how a request is
    read, and a tool must not be called for ever.
    """
    left: list[Call] = []
    for name in dict.fromkeys(call.name for call in requested):
        mine = list(dict.fromkeys(call for call in requested if call.name == name))
        done = [_parsed_arguments(call) for call in made if call.name == name]
        fresh = [call for call in mine if _parsed_arguments(call) not in done]
        left.extend(fresh[: max(0, len(mine) - len(done))])
    return [call for call in dict.fromkeys(requested) if call in left]


def _parsed_arguments(call: Call) -> object:
    """Parse the arguments: clients send the same JSON with different white space."""
    try:
        return from_json(call.arguments)
    except ValueError:
        return call.arguments


def _tool_requests(conversation: Conversation) -> list[_ToolRequest]:
    text = _signs_as_words(conversation.user_text)
    requests: list[_ToolRequest] = []
    for clause in _CLAUSE.split(text):
        tool = _wanted(clause, conversation.tools)
        if tool is not None:
            requests.append(_ToolRequest(tool, clause))
        elif requests:
            requests[-1] = _ToolRequest(requests[-1].tool, f"{requests[-1].clause} and {clause}")
    if not requests and (tool := _wanted(text, conversation.tools)):
        return [_ToolRequest(tool, text)]
    if not requests and _ASKED.search(text):
        return [_ToolRequest(_likeliest(text, conversation.tools), text)]
    return _joined(requests, text)


def _joined(requests: Sequence[_ToolRequest], text: str) -> list[_ToolRequest]:
    """Join neighbouring requests for the same tool that have no arguments of their own."""
    joined: list[_ToolRequest] = []
    for request in requests:
        if joined and joined[-1].tool is request.tool and not _has_arguments(request):
            joined[-1] = _ToolRequest(request.tool, f"{joined[-1].clause}, {request.clause}")
        else:
            joined.append(request)
    return [_ToolRequest(joined[0].tool, text)] if len(joined) == 1 else joined


def _has_arguments(request: _ToolRequest) -> bool:
    evidence = Evidence(request.clause)
    kinds = {
        each.get("type") for each in request.tool.properties.values() if isinstance(each, dict)
    }
    numbers = evidence.number("", "", fits=lambda _: True) is not None
    return (numbers and bool(kinds & {"integer", "number"})) or bool(
        kinds & {"string"} and (evidence.quotations() or evidence.names() or evidence.foreign())
    )


def _forced(conversation: Conversation) -> list[_ToolRequest]:
    """Choose a tool for a forced call: the likeliest one; after results, the last one not called yet."""
    called = {call.name for call in conversation.called}
    left = [tool for tool in conversation.tools if tool.name not in called]
    if not left:
        return []
    tool = left[-1] if conversation.results else _likeliest(conversation.user_text, left)
    return [_ToolRequest(tool, conversation.user_text)]


def _wanted(clause: str, tools: Sequence[Tool]) -> Tool | None:
    scored = [(_score(clause, tool), -position, tool) for position, tool in enumerate(tools)]
    best = max(scored, key=lambda each: each[:2])
    return best[2] if best[0] >= _ENOUGH else None


def _likeliest(text: str, tools: Sequence[Tool]) -> Tool:
    return max(tools, key=lambda tool: _score(text, tool))


def _score(text: str, tool: Tool) -> float:
    """Score how well a text matches a tool: 1 and more for its name, less for its description."""
    if re.search(rf"(?<!\w){re.escape(tool.name)}(?!\w)", text):
        return 3
    words = set(stems(text))
    name = set(stems(split_name(tool.name)))
    distinctive = (name - _VERBS) or name
    by_name = len(words & distinctive) / len(distinctive) if distinctive else 0
    described = set(stems(tool.description)) - _VERBS
    shared = words & described
    by_description = (
        len(shared) / len(words) if words and (len(shared) > 1 or len(words) == 1) else 0
    )
    return by_name + 0.9 * by_description


def _calls(request: _ToolRequest, conversation: Conversation) -> Iterator[Call]:
    for clause in _repeated(request):
        wider = conversation.full_text if conversation.results else conversation.user_text
        text = restate_choices(conversation) or clause
        parameters = _with_described_choice(request.tool, clause)
        arguments = fill({"type": "object", **parameters}, text, wider=_signs_as_words(wider))
        yield Call(request.tool.name, to_json(arguments).decode())


def _with_described_choice(tool: Tool, clause: str) -> Mapping[str, Any]:
    """Fix the first required string to one of the names that the tool's description explains, if it explains any.

    LlamaIndex lists the agents that a hand-off may go to like that: `{'billing': 'Refunds money.'}`.
    """
    explained = dict(_EXPLAINED.findall(tool.description))
    required = tool.parameters.get("required") or ()
    names = [name for name in required if tool.properties.get(name, {}).get("type") == "string"]
    if not explained or not names or "enum" in tool.properties[names[0]]:
        return tool.parameters
    chosen = max(explained, key=lambda name: overlap(f"{name} {explained[name]}", clause))
    fixed = {names[0]: {**tool.properties[names[0]], "enum": [chosen]}}
    return {**tool.parameters, "properties": {**tool.properties, **fixed}}


def _repeated(request: _ToolRequest) -> Sequence[str]:
    """Split "the weather in Paris and Rome" into two calls if the tool takes a single string."""
    required = request.tool.parameters.get("required") or ()
    match [request.tool.properties.get(name) for name in required]:
        case [{"type": "string"}] if names := _coordinated(request.clause):
            first = names[0]
            return [request.clause[: request.clause.index(first)] + name for name in names]
        case _:
            return [request.clause]


def _coordinated(text: str) -> Sequence[str]:
    """Return the names in "Paris, Rome and Oslo"; none if names are not enumerated."""
    name = r"[A-ZÀ-ÖØ-Þ][\w'\u2019-]*(?: [A-ZÀ-ÖØ-Þ][\w'\u2019-]*)*"
    found = re.search(
        rf"\b(?:in|for|of|about|to|at) ({name}(?:, {name})*,? and (?:in |for |of |about |to |at )?{name})",
        text,
    )
    if not found:
        return ()
    return re.split(r",? and (?:in |for |of |about |to |at )?|, ", found.group(1))


def _signs_as_words(text: str) -> str:
    """Replace arithmetic signs by the words that name tools."""
    text = _SIGN.sub(lambda sign: f" {_SIGNS[sign.group(1)]} ", text)
    return _TIMES.sub(" multiply ", text)

"""Complete code without a model, from the name and signature of the function around the gap.

The suffix matters too: if it uses a name that is not defined, the completion defines it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from portkey_mistral.sandbox.brain.words import split_name

__all__ = ["complete_code"]

_PYTHON = re.compile(
    r"^(?P<indent>[ \t]*)(?:async )?def (?P<name>\w+)\((?P<arguments>[^)]*)\)(?:\s*->\s*(?P<type>[^:\n]+))?:",
    re.MULTILINE,
)
_BRACES = re.compile(
    r"^(?P<indent>[ \t]*)(?:export )?(?:async )?(?:function|fn|func) (?P<name>\w+)\((?P<arguments>[^)]*)\)"
    r"(?P<type>[^{\n]*)\{",
    re.MULTILINE,
)
_RETURNED = re.compile(r"\A\s*return (\w+)\s*;?\s*(?:$|\n)")
_USED = re.compile(r"\b(?:print|console\.log|assert)\s*\(?\s*(\w+)\b")
_OPEN_CALL = re.compile(r"(?<!\w)(?P<callee>\w+)\($")
_ASSIGNMENT = re.compile(r"(?<!\w)(?P<name>\w+) ?= ?$")


_EXAMPLES = {
    "str": '"abc"',
    "bytes": 'b"abc"',
    "bool": "True",
    "list": "[1, 2, 3]",
    "sequence": "[1, 2, 3]",
    "iterable": "[1, 2, 3]",
    "dict": "{}",
    "mapping": "{}",
}


@dataclass(frozen=True, slots=True)
class _Function:
    """The function around the gap. `indent` is the one of its body."""

    name: str
    arguments: Sequence[str]
    returns: str
    indent: str
    python: bool
    begun: str


def complete_code(prompt: str, suffix: str) -> str:
    """Return code that fits between a prompt and a suffix. Deterministic."""
    if inline := _inline(prompt, suffix):
        return inline
    function = _open_function(prompt)
    if function is None:
        return _statement(prompt, suffix)
    if (
        function.python
        and function.name.startswith("test")
        and (tested := _tested(prompt, function))
    ):
        return _indented(function, [tested], prompt, suffix)
    value = _value(function)
    wanted = _undefined_name(prompt, suffix)
    last = f"{wanted} = {value}" if wanted else f"return {value}"
    if function.returns in {"None", "void"} and not wanted:
        last = f"print({value})" if function.python else f"console.log({value})"
    elif wanted and not function.python:
        last = f"const {last}"
    return _indented(function, [last], prompt, suffix)


def _inline(prompt: str, suffix: str) -> str | None:
    """Complete an unfinished line: the arguments of a call, or the value of an assignment."""
    line = prompt.rsplit("\n", 1)[-1]
    if (
        (call := _OPEN_CALL.search(line))
        and suffix.startswith(")")
        and not line.lstrip().startswith("def ")
    ):
        return f'"{split_name(call["callee"])}"' if call["callee"] != "print" else '"Hello, world!"'
    if re.search(r"\breturn $", line) and (function := _open_function(prompt)):
        return _value(function)
    if assigned := _ASSIGNMENT.search(line):
        function = _open_function(prompt)
        return _value(function) if function else _constant(assigned["name"])
    return None


def _open_function(prompt: str) -> _Function | None:
    python = [*_PYTHON.finditer(prompt)]
    braces = [*_BRACES.finditer(prompt)]
    if not python and not braces:
        return None
    match = (python or braces)[-1]
    step = "    " if python else "  "
    begun = prompt[match.end() :].lstrip("\n")
    return _Function(
        name=match["name"],
        arguments=[name for each in match["arguments"].split(",") if (name := _argument(each))],
        returns=(match["type"] or "").strip(" :->"),
        indent=_indent(begun) or f"{match['indent']}{step}",
        python=bool(python),
        begun=begun,
    )


def _argument(text: str) -> str | None:
    name = re.split(r"[:=\s]", text.strip().lstrip("*&"))[0]
    return name if name and name not in {"self", "cls"} else None


def _indent(begun: str) -> str:
    found = re.match(r"[ \t]+(?=\S)", begun)
    return found.group() if found else ""


def _tested(prompt: str, test: _Function) -> str | None:
    """Return an assertion about the function that a test is named after, or about the last one."""
    functions = [
        match for match in _PYTHON.finditer(prompt) if not match["name"].startswith("test")
    ]
    if not functions:
        return None
    named = [each for each in functions if each["name"] in test.name]
    target = (named or functions)[-1]
    given = ", ".join(
        _example(argument, position)
        for position, argument in enumerate(target["arguments"].split(","), 1)
        if argument.strip()
    )
    call = f"{target['name']}({given})"
    return (
        f"assert {call}"
        if target["name"].startswith(("is_", "has_"))
        else f"assert {call} is not None"
    )


def _example(argument: str, position: int) -> str:
    """Return a value for an argument, by its annotation: a number where it has none."""
    _, _, annotation = argument.partition(":")
    kind = re.match(r"\s*(\w*)", annotation)
    return _EXAMPLES.get(kind[1].lower() if kind else "", str(position))


def _value(function: _Function) -> str:
    """Return the return value of a function, derived from its name, or from its arguments."""
    words = set(split_name(function.name).lower().split())
    for keys, write in (_PYTHON_BODIES if function.python else _BRACE_BODIES).items():
        if words & set(keys.split()) and (body := write(function.name, *_pair(function.arguments))):
            return body
    if not function.arguments:
        return _constant(function.name)
    return " + ".join(function.arguments)


def _pair(arguments: Sequence[str]) -> tuple[str, str]:
    first = arguments[0] if arguments else ""
    return first, arguments[1] if len(arguments) > 1 else ""


_Write = Callable[[str, str, str], str]
_PYTHON_BODIES: Mapping[str, _Write] = {
    "vowels": lambda _, s, __: f'sum(letter in "aeiou" for letter in {s}.lower())' if s else "",
    "fib fibonacci": lambda f, n, _: (
        f"{n} if {n} < 2 else {f}({n} - 1) + {f}({n} - 2)" if n else ""
    ),
    "factorial fact": lambda f, n, _: f"1 if {n} < 2 else {n} * {f}({n} - 1)" if n else "",
    "even": lambda _, n, __: f"{n} % 2 == 0" if n else "",
    "odd": lambda _, n, __: f"{n} % 2 == 1" if n else "",
    "prime": lambda _, n, __: (
        f"{n} > 1 and all({n} % d for d in range(2, int({n} ** 0.5) + 1))" if n else ""
    ),
    "palindrome": lambda _, s, __: f"{s} == {s}[::-1]" if s else "",
    "reverse reversed": lambda _, s, __: f"{s}[::-1]" if s else "",
    "gcd": lambda f, a, b: f"{a} if {b} == 0 else {f}({b}, {a} % {b})" if b else "",
    "mean average avg": lambda _, xs, __: f"sum({xs}) / len({xs})" if xs else "",
    "sum total": lambda _, a, b: f"{a} + {b}" if b else f"sum({a})",
    "add plus": lambda _, a, b: f"{a} + {b}" if b else "",
    "subtract minus difference sub": lambda _, a, b: f"{a} - {b}" if b else "",
    "multiply times product mul": lambda _, a, b: f"{a} * {b}" if b else "",
    "divide div quotient": lambda _, a, b: f"{a} / {b}" if b else "",
    "power pow": lambda _, a, b: f"{a} ** {b}" if b else "",
    "square squared": lambda _, x, __: f"{x} * {x}" if x else "",
    "max maximum largest": lambda _, a, b: f"max({a}, {b})" if b else f"max({a})",
    "min minimum smallest": lambda _, a, b: f"min({a}, {b})" if b else f"min({a})",
    "length count size": lambda _, xs, __: f"len({xs})" if xs else "",
    "sort sorted": lambda _, xs, __: f"sorted({xs})" if xs else "",
    "upper uppercase": lambda _, s, __: f"{s}.upper()" if s else "",
    "lower lowercase": lambda _, s, __: f"{s}.lower()" if s else "",
    "greet hello greeting": lambda _, name, __: (
        f'f"Hello, {{{name}}}!"' if name else '"Hello, world!"'
    ),
}
_BRACE_BODIES: Mapping[str, _Write] = {
    "fib fibonacci": lambda f, n, _: f"{n} < 2 ? {n} : {f}({n} - 1) + {f}({n} - 2)" if n else "",
    "factorial fact": lambda f, n, _: f"{n} < 2 ? 1 : {n} * {f}({n} - 1)" if n else "",
    "even": lambda _, n, __: f"{n} % 2 === 0" if n else "",
    "odd": lambda _, n, __: f"{n} % 2 !== 0" if n else "",
    "add plus sum": lambda _, a, b: f"{a} + {b}" if b else "",
    "subtract minus sub": lambda _, a, b: f"{a} - {b}" if b else "",
    "multiply times mul": lambda _, a, b: f"{a} * {b}" if b else "",
    "divide div": lambda _, a, b: f"{a} / {b}" if b else "",
    "square squared": lambda _, x, __: f"{x} * {x}" if x else "",
    "greet hello": lambda _, name, __: f"`Hello, ${{{name}}}!`" if name else '"Hello, world!"',
}


def _undefined_name(prompt: str, suffix: str) -> str | None:
    """Return the undefined name that the suffix uses."""
    found = _RETURNED.match(suffix) or _USED.search(suffix.split("\n\n", maxsplit=1)[0])
    if (
        not found
        or re.search(rf"\b{found.group(1)}\b", prompt)
        or not found.group(1).isidentifier()
    ):
        return None
    return None if found.group(1).isdigit() else found.group(1)


def _indented(function: _Function, lines: Sequence[str], prompt: str, suffix: str) -> str:
    end = "" if function.python else ";"
    here = prompt.rsplit("\n", 1)[-1]
    # The gap may begin right after the signature, in an empty line, or after its indent.
    start = f"\n{function.indent}" if here.strip() else function.indent[len(here) :]
    text = start + f"{end}\n{function.indent}".join(lines) + end
    return text if suffix.startswith("\n") else f"{text}\n"


def _statement(prompt: str, suffix: str) -> str:
    """Complete code outside any function, or text."""
    wanted = _undefined_name(prompt, suffix)
    if wanted:
        return f"{wanted} = {_constant(wanted)}\n"
    last = next((line.strip() for line in reversed(prompt.splitlines()) if line.strip()), "")
    if last.startswith(("#", "//")):
        words = [word for word in re.findall(r"\w+", last.lower()) if len(word) > 2][:4]
        return f"def {'_'.join(words) or 'main'}():\n    pass\n"
    return "pass\n"


def _constant(name: str) -> str:
    words = set(split_name(name).lower().split())
    if words & {"name", "title", "text", "message", "label", "path", "url"}:
        return f'"{split_name(name).lower()}"'
    if words & {"items", "values", "numbers", "list", "rows", "results"}:
        return "[]"
    return "0"

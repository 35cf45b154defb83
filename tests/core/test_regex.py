"""JavaScript's regular expressions, matched by an engine that never backtracks."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from contextlib import suppress
from typing import Any

import pytest

from linear import assert_linear
from portkey_mistral._regex import UnsupportedPatternError, from_javascript, matcher

# (pattern, texts with a match, texts without)
PATTERNS = [
    ("ai", ["paid"], ["pad"]),
    ("^p.*d$", ["paid"], ["paid\n", "p\u2028d"]),
    ("^.$", ["é"], ["\r", "\n", ""]),
    (r"^\d$", ["5"], ["\N{ARABIC-INDIC DIGIT FIVE}"]),
    (r"^\w\W$", ["a-"], ["é-", "ab"]),
    (r"^[\w-.]$", ["-", ".", "a"], ["é", "+"]),
    (r"^\s$", ["\ufeff", "\u00a0", "\v"], ["\x85", "a"]),
    (r"^[^\S ]$", ["\t"], [" ", "a"]),
    (r"\bb\b", ["a b", "éb"], ["ab"]),
    (r"^[\b]$", ["\x08"], ["b"]),
    ("[]", [], ["a", ""]),
    ("^[^]$", ["\n", "a"], [""]),
    ("^[a&&b~~[]$", ["&", "~", "["], ["c"]),
    (r"^[(|)\]]+$", ["(|)]"], ["a"]),
    (r"^\x41\u0042\cA\/\-$", ["AB\x01/-"], ["AB"]),
    (r"\0", ["a\0"], ["0"]),
    ("^{a{x}{,2}]}$", ["{a{x}{,2}]}"], ["aa"]),
    ("^a{2,3}?$", ["aa", "aaa"], ["a"]),
    ("(?<year>[0-9]{4})-(?:01|02)", ["2024-02"], ["2024-03"]),
    (r"^(?=.*\d)(?=.*[A-Z]).{4,}$", ["Ab1c"], ["ab1c", "A1"]),
    (r"^(?![\w)]x)(?!\))a", ["ab"], ["ax", "b"]),
    ("^(?=a|b)(?:a|c)", ["a"], ["b", "c"]),
    ("", ["", "a"], []),
]

UNSUPPORTED = {
    "(?<=a)b": "lookbehind",
    "(?i)a": "flags of groups",
    "a(?=b)": "look-around",
    "^(?=a)b|c": "lookahead is supported at the beginning only",
    "^(?=a)*b": "lookahead is supported at the beginning only",
    r"(a)\1": "not supported",
    r"(?<n>a)\k<n>": "not supported",
    r"\p{L}": "not supported",
    "a**": "nothing to repeat",
    "^*": "nothing to repeat",
    "*": "nothing to repeat",
    "(": "unclosed group",
    "[a": "is not ended",
    "a\\": "is not ended",
    "(?:a{1000}){1000}": "size limit",
    "(" * 300 + ")" * 300: "nested",
}


@pytest.mark.parametrize(
    ("pattern", "hits", "misses"), PATTERNS, ids=[case[0] for case in PATTERNS]
)
def test_a_pattern_matches_as_in_javascript(
    pattern: str, hits: list[str], misses: list[str]
) -> None:
    matches = matcher(from_javascript(pattern))
    assert [text for text in [*hits, *misses] if matches(text)] == hits


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_what_cannot_be_matched_in_linear_time_is_refused_with_the_reason(pattern: str) -> None:
    with pytest.raises(UnsupportedPatternError, match=UNSUPPORTED[pattern]):
        matcher(from_javascript(pattern))


def test_half_a_surrogate_pair_is_a_character_like_another() -> None:
    assert matcher(from_javascript("^a.$"))("a\ud83d")


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "^(?=(a+)+$)a", ".*.*=.*"])
def test_the_time_is_linear_in_the_text(pattern: str) -> None:
    matches = matcher(from_javascript(pattern))
    assert_linear(lambda size: matches("a" * size + "!"), 20_000)


PARTS = [
    "a", "b", "-", r"\d", r"\w", r"\s", r"\S", ".", "^", "$", "(", "(?:", ")", "|", "*", "+", "?", "{1,2}", "{", "[", "[^",
    "]", r"\b", "&", "^(?!", "^(?=", "5",
]  # fmt: skip
TEXTS = ["", "a", "ab", "a-b", "5", "é", "\n", "a\nb", " ", "\u00a0", "]", "{", "[a]", "&", "b5"]


@pytest.mark.parametrize("repeated", ["[", "(?!a)", "(?!", "(", "[^", "\\[", "a|"])
def test_the_time_is_linear_in_a_pattern(repeated: str) -> None:
    def compiled(size: int) -> None:
        with suppress(UnsupportedPatternError):
            matcher(f"^(?!a{repeated * (size // len(repeated))})b")

    assert_linear(compiled, 500)


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to compare with")
def test_every_pattern_that_is_taken_matches_as_in_node() -> None:
    rng = random.Random(14)
    taken: dict[str, list[bool]] = {}
    for _ in range(10_000):
        pattern = "".join(rng.choices(PARTS, k=rng.randint(1, 8)))
        try:
            matches = matcher(from_javascript(pattern))
        except UnsupportedPatternError:
            continue
        taken[pattern] = [matches(text) for text in TEXTS]
    assert len(taken) > 1_000
    assert taken == _matches_of_node([*taken])


def _matches_of_node(patterns: list[str]) -> Any:
    script = (
        "const [patterns, texts] = JSON.parse(require('fs').readFileSync(0));"
        "console.log(JSON.stringify(Object.fromEntries(patterns.map(each => {"
        "const pattern = new RegExp(each); return [each, texts.map(text => pattern.test(text))] }))))"
    )
    done = subprocess.run(
        ["node", "-e", script], input=json.dumps([patterns, TEXTS]).encode(), capture_output=True, check=True
    )  # fmt: skip
    return json.loads(done.stdout)

"""Code in the middle."""

from __future__ import annotations

import pytest

from portkey_mistral.sandbox.brain import complete_code

RUNS = [
    ("def fibonacci(n: int) -> int:\n    ", "\n", "fibonacci(10)", 55),
    ("def factorial(n):\n", "", "factorial(5)", 120),
    ("def add(a, b):\n    ", "\n    return result\n", "add(2, 3)", 5),
    ("def add(a, b):", "\n    return total", "add(2, 3)", 5),
    ("def is_even(n):\n    return ", "\n", "is_even(4)", True),
    ("def is_odd(n):\n    ", "", "is_odd(4)", False),
    ("def is_prime(n):\n    ", "\n", "[n for n in range(12) if is_prime(n)]", [2, 3, 5, 7, 11]),
    ("def gcd(a, b):\n    ", "\n", "gcd(12, 18)", 6),
    ("def mean(values):\n    ", "\n", "mean([1, 2, 3])", 2),
    ("def reverse_string(s: str) -> str:\n    ", "\n", "reverse_string('abc')", "cba"),
    ("def is_palindrome(s):\n    ", "\n", "is_palindrome('abba')", True),
    ("def greet(name: str) -> str:\n    ", "\n", "greet('Ann')", "Hello, Ann!"),
    ("def count_vowels(text):\n    ", "\n", "count_vowels('banana')", 3),
    ("def sort_items(items):\n\t", "\n", "sort_items([2, 1])", [1, 2]),
    ("class Box:\n    def multiply(self, a, b):\n        ", "\n", "Box().multiply(3, 4)", 12),
    ("def combine(a, b, c):\n    ", "\n", "combine(1, 2, 3)", 6),
    ("def is_odd(n):\n    return n % 2 == 1\n\ndef test_is_odd():\n    ", "\n", "test_is_odd()", None),
    ("def reverse(text: str) -> str:\n    return text[::-1]\n\ndef test_reverse():\n    ", "\n", "test_reverse()", None),
    ("def largest(of: list[int]) -> int:\n    return max(of)\n\ndef test_largest():\n    ", "\n", "test_largest()", None),
    ("count = ", "\nprint(count)", "count", 0),
    ("items = ", "\n", "items", []),
    ("print(", ")\n", "1", 1),
    ("x = 1\n", "\nprint(x)\n", "x", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "suffix", "expression", "value"), RUNS, ids=[run[0].strip() for run in RUNS]
)
def test_what_is_written_runs(prompt, suffix, expression, value):
    names: dict[str, object] = {}
    exec(prompt + complete_code(prompt, suffix) + suffix, names)
    assert eval(expression, names) == value


@pytest.mark.parametrize(
    ("prompt", "suffix", "middle"),
    [
        ("function isEven(n) {\n", "}", "  return n % 2 === 0;\n"),
        ("function add(a, b) {\n  ", "\n  return sum;\n}", "const sum = a + b;"),
        ("def log(text) -> None:\n    ", "\n", "print(text)"),
        ("function show(text): void {\n  ", "\n}", "console.log(text);"),
        ("# compute the area\n", "", "def compute_the_area():\n    pass\n"),
        ("", "", "pass\n"),
    ],
)
def test_other_shapes(prompt, suffix, middle):
    assert complete_code(prompt, suffix) == middle


def test_the_suffix_decides_too():
    prompt = "def add(a, b):\n    "
    middles = {
        complete_code(prompt, suffix)
        for suffix in ("\n", "\n    return total", "\n    return other")
    }
    assert len(middles) == 3
    assert complete_code(prompt, "\n") == complete_code(prompt, "\n")

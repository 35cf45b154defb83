"""The effect of `default_params`, `override_params` and `drop_params` on a body."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral.config import Config
from portkey_mistral.config.parameter_rules import as_overrides, drop, is_path, resolve_parameters
from portkey_mistral.config.values import leaves

TOOLS = [
    {"type": "function", "function": {"name": "f", "strict": True}},
    {"type": "function", "function": {"name": "g", "strict": False}},
]
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"scope": 1}}]},
        {"role": "assistant", "content": "b"},
    ],
    "random_seed": 7,
    "logprobs": True,
    "tools": TOOLS,
    "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
}

DROPPED: list[tuple[str, dict[str, Any]]] = [
    ("logprobs", {"logprobs": ...}),
    ("nothing", {}),
    ("logprobs.deeper", {}),
    ("logprobs[0]", {}),
    ("response_format.json_schema", {"response_format": {"type": "json_schema"}}),
    (
        "tools[0].function.strict",
        {"tools": [{"type": "function", "function": {"name": "f"}}, TOOLS[1]]},
    ),
    (
        "tools[*].function.strict",
        {"tools": [{"type": "function", "function": {"name": name}} for name in "fg"]},
    ),
    ("tools[1]", {"tools": TOOLS[:1]}),
    ("tools[2]", {}),
    ("tools[*]", {"tools": []}),
    ("tools", {"tools": ...}),
    (
        "messages[*].content[*].cache_control",
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}]},
                BODY["messages"][1],
            ]
        },
    ),
    (
        "messages[0].content[0].cache_control.scope",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "a", "cache_control": {}}],
                },
                BODY["messages"][1],
            ]
        },
    ),
    ("random_seed", {"random_seed": ...}),
    ("seed", {"random_seed": ...}),
]


@pytest.mark.parametrize(("path", "changes"), DROPPED, ids=[path for path, _ in DROPPED])
def test_drop(path: str, changes: dict[str, Any]) -> None:
    before = copy.deepcopy(BODY)
    expected = {name: value for name, value in (BODY | changes).items() if value is not ...}
    assert is_path(path)
    assert drop(BODY, [path]) == expected
    assert before == BODY


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "[0]", "a[", "a[]", "a[-1]", "a[0", "a b", "a[0]b", "a[**]"],
)
def test_invalid_paths(text: str) -> None:
    assert not is_path(text)


FINAL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # Keys of the target, and its parameters in addition to the body.
    ({}, {}),
    ({"default_params": {"max_tokens": 64}}, {"max_tokens": 64}),
    ({"default_params": {"random_seed": 1}}, {}),
    ({"default_params": {"seed": 1}}, {}),
    ({"default_params": {"max_completion_tokens": 9}}, {"max_completion_tokens": 9}),
    (
        {"default_params": {"max_tokens": 64}, "override_params": {"max_completion_tokens": 9}},
        {"max_completion_tokens": 9},
    ),
    (
        {"default_params": {"stop": "a", "n": 2}, "override_params": {"stop": "b"}},
        {"stop": "b", "n": 2},
    ),
    ({"override_params": {"logprobs": None}}, {"logprobs": None}),
    ({"drop_params": ["logprobs", "seed"]}, {"logprobs": ..., "random_seed": ...}),
    ({"default_params": {"n": 2}, "drop_params": ["n"]}, {}),
    ({"override_params": {"n": 2, "seed": 3}, "drop_params": ["n", "random_seed"]}, {"random_seed": ...}),
    (
        {
            "override_params": {"response_format": {"type": "json_schema", "json_schema": {"a": 1}}},
            "drop_params": ["response_format.json_schema.a"],
        },
        {"response_format": {"type": "json_schema", "json_schema": {}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "changes"), FINAL, ids=[str(keys) for keys, _ in FINAL])
def test_the_parameters_of_a_target(keys: dict[str, Any], changes: dict[str, Any]) -> None:
    root = Config.parse({"provider": "mistral-ai", **keys}).root
    assert root is not None
    (target,) = leaves(resolve_parameters(root, BODY))
    assert (target.default_params, target.drop_params) == ({}, ())
    final = {**BODY, **target.override_params}
    expected = BODY | changes
    # A null removes a member.
    assert {n: v for n, v in final.items() if v is not None} == {
        name: value for name, value in expected.items() if value not in (..., None)
    }


def test_the_parents_defaults_come_before_the_childs() -> None:
    config = Config.parse(
        {
            "strategy": {"mode": "fallback"},
            "default_params": {"max_tokens": 64, "n": 2},
            "drop_params": ["logprobs"],
            "targets": [
                {"default_params": {"n": 3}, "drop_params": ["tools"]},
                {"override_params": {"max_tokens": 1}},
                {},
            ],
        }
    )
    assert config.root is not None
    tree = resolve_parameters(config.root, BODY)
    assert [target.override_params for target in leaves(tree)] == [
        {"logprobs": None, "tools": None, "max_tokens": 64, "n": 3},
        {"logprobs": None, "max_tokens": 1, "n": 2},
        {"logprobs": None, "max_tokens": 64, "n": 2},
    ]
    assert [target.path for target in leaves(tree)] == [t.path for t in config.targets()]


def test_a_tree_without_such_keys_stays_the_same_object() -> None:
    root = Config.parse(
        {"strategy": {"mode": "loadbalance"}, "targets": [{"override_params": {"n": 1}}, {}]}
    ).root
    assert root is not None
    assert resolve_parameters(root, BODY) is root


NAMES = st.sampled_from(["a", "b", "seed", "random_seed", "max_tokens", "max_completion_tokens"])
VALUES = st.recursive(
    st.sampled_from([1, "x", True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=5,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
PATHS = st.lists(
    st.builds(
        lambda name, rest: name + "".join(rest),
        NAMES,
        st.lists(st.sampled_from([".a", ".b", "[0]", "[1]", "[*]"]), max_size=3),
    ),
    max_size=3,
)


@given(OBJECTS, OBJECTS, OBJECTS, PATHS)
def test_overrides_over_the_dropped_body_give_the_same_as_over_the_whole(
    body: dict[str, Any], defaults: dict[str, Any], overrides: dict[str, Any], paths: list[str]
) -> None:
    """What all targets drop may be left out of the body that they have in common."""
    given = {"defaults": defaults, "overrides": overrides, "drops": paths}
    sent = drop(body, paths)
    whole = {**body, **as_overrides(body, body, **given)}
    apart = {**sent, **as_overrides(body, sent, **given)}
    assert {n: v for n, v in whole.items() if v is not None} == {
        name: value for name, value in apart.items() if value is not None
    }

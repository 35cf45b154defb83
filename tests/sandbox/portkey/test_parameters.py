"""`default_params`, `override_params`, `drop_params`: "default, then override, then drop"."""

from __future__ import annotations

import json

import pytest

from hosted_portkey import body_of, chat, config_of, forwarded, refused, send, stand_in
from portkey_mistral.sandbox.portkey.parameters import apply_params

TOOL = {"type": "function", "function": {"name": "f", "strict": True}}


def bodies(config, **body):
    """Return what each target gets before its provider's mapping."""
    call = forwarded(send(stand_in(), chat("x", **body), x_portkey_config=json.dumps(config)))
    return [
        {key: value for key, value in target.body.items() if key != "messages"}
        for target in call.resolution.targets
    ]


def effective(config, **body):
    """Return the same, as the gateway works it out from the config and body that it is sent."""
    call = send(stand_in(), chat("x", **body), x_portkey_config=json.dumps(config))
    common = body_of(call)
    merged = [{**common, **leaf.get("override_params", {})} for leaf in leaves(config_of(call))]
    return [{k: v for k, v in body.items() if k != "messages"} for body in merged]


def leaves(node):
    if "targets" not in node:
        return [node]
    return [leaf for target in node["targets"] for leaf in leaves(target)]


def fallback(*targets, **more):
    named = [{"provider": "@mistral-eu", **target} for target in targets]
    return {"strategy": {"mode": "fallback"}, "targets": named, **more}


CASES = {
    "a default is set where the body has none": (
        fallback({"default_params": {"max_tokens": 5, "temperature": 0.2}}),
        {"temperature": 0.9},
        [{"model": "x", "temperature": 0.9, "max_tokens": 5}],
    ),
    "the child's default wins": (
        fallback({"default_params": {"n": 2}}, {}, default_params={"n": 1, "max_tokens": 5}),
        {},
        [{"model": "x", "n": 2, "max_tokens": 5}, {"model": "x", "n": 1, "max_tokens": 5}],
    ),
    "an override beats the body, the child's the parent's": (
        fallback({"override_params": {"n": 3}}, {}, override_params={"n": 2, "temperature": 0}),
        {"temperature": 0.9},
        [{"model": "x", "n": 3, "temperature": 0}, {"model": "x", "n": 2, "temperature": 0}],
    ),
    "objects are replaced, not merged": (
        fallback({"override_params": {"metadata": {"b": 1}}}),
        {"metadata": {"a": 1}},
        [{"model": "x", "metadata": {"b": 1}}],
    ),
    "a drop comes last": (
        fallback({"default_params": {"n": 1}, "override_params": {"user": "u"}, "drop_params": ["n", "user"]}),
        {},
        [{"model": "x"}],
    ),
    "a drop of one target alone": (
        fallback({"drop_params": ["logprobs"]}, {}),
        {"logprobs": True},
        [{"model": "x"}, {"model": "x", "logprobs": True}],
    ),
    "a drop of the parent": (
        fallback({}, {}, drop_params=["logprobs"]),
        {"logprobs": True},
        [{"model": "x"}, {"model": "x"}],
    ),
    "a drop within": (
        fallback({"drop_params": ["tools[*].function.strict"]}, {}),
        {"tools": [TOOL]},
        [
            {"model": "x", "tools": [{"type": "function", "function": {"name": "f"}}]},
            {"model": "x", "tools": [TOOL]},
        ],
    ),
    "1 is not true": (
        fallback({"override_params": {"n": 1}}),
        {"n": True},
        [{"model": "x", "n": 1}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_each_target_gets(case):
    config, body, expected = case
    assert bodies(config, **body) == expected
    assert effective(config, **body) == expected


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("a", {"b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("b[0].c", {"a": 1, "b": [{"d": 2}, {"c": 3}]}),
        ("b[*].c", {"a": 1, "b": [{"d": 2}, {}]}),
        ("b[0]", {"a": 1, "b": [{"c": 3}]}),
        ("b[*]", {"a": 1, "b": []}),
        ("b[7].c", {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("a.b.c", {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}),
        ("", {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}),
    ],
)
def test_drop_paths(path, left):
    body = {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}
    assert apply_params(body, default={}, override={}, drop=[path]) == left
    assert body == {"a": 1, "b": [{"c": 1, "d": 2}, {"c": 3}]}


# --- what Portkey does not document, or the gateway cannot be made to do, is refused in plain words ---


@pytest.mark.parametrize(
    ("config", "body", "about"),
    [
        (fallback({"drop_params": ["a"]}, drop_params=["b"]), {}, "drop_params"),
        (fallback({}, default_params={"n": 1}), {"n": None}, "null"),
        ({"passthrough": True}, {}, "passthrough at the root"),
    ],
)  # fmt: skip
def test_the_stand_in_does_not_guess(config, body, about):
    status, answer = refused(
        send(stand_in(), chat("x", **body), x_portkey_config=json.dumps(config))
    )
    assert status == 501
    assert about in answer["message"]
    assert "does not guess" in answer["message"]


def test_conditions_see_the_body_of_the_client():
    targets = [
        {"name": "a", "provider": "@mistral-eu", "drop_params": ["user"]},
        {"name": "b", "provider": "@mistral-eu"},
    ]
    conditions = [{"query": {"params.user": {"$eq": "u"}}, "then": "a"}]
    strategy = {"mode": "conditional", "conditions": conditions, "default": "b"}
    config = {"strategy": strategy, "targets": targets}
    status, answer = refused(
        send(stand_in(), chat("x", user="u"), x_portkey_config=json.dumps(config))
    )
    assert status == 501
    assert "params.user" in answer["message"]

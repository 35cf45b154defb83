"""How a config's `default_params`, `drop_params` and unknown keys are sent to each kind of gateway."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portkey_mistral._wire.folded_parameters import fold_parameters
from portkey_mistral._wire.gateway import gateway_request
from portkey_mistral._wire.gateway_options import GatewayOptions
from portkey_mistral.config import Config
from portkey_mistral.config.parameter_rules import resolve_parameters
from portkey_mistral.config.values import leaves
from portkey_mistral.exceptions import ParameterLossError

OWN, HOSTED = "http://localhost:8787/v1", "https://api.portkey.ai/v1"
BODY: dict[str, Any] = {
    "model": "mistral-small-latest",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.3,
}
A = {"provider": "mistral-ai", "api_key": "key-a"}
B = {"provider": "mistral-ai", "api_key": "key-b"}


def fallback(*targets: Any, **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback"}, "targets": list(targets), **more}


def send(config: Any, body: Any = BODY, url: str = OWN, **options: Any) -> tuple[Any, Any, str]:
    """Return the config and the body that are sent, and the lane."""
    request, lane = gateway_request(
        body,
        "chat",
        stream=False,
        options=GatewayOptions(url=url, config=Config.parse(config), **options),
    )
    return json.loads(request.headers["x-portkey-config"]), json.loads(request.body or b""), lane


def test_the_open_source_gateway_gets_overrides():
    config = fallback(
        A | {"drop_params": ["temperature"]},
        B,
        default_params={"max_tokens": 64},
        override_params={"top_p": 0.5},
    )
    sent, body, _ = send(config)
    assert body == {name: BODY[name] for name in ("model", "messages")}
    assert sent == fallback(
        A | {"override_params": {"max_tokens": 64, "top_p": 0.5}},
        B | {"override_params": {"temperature": 0.3, "max_tokens": 64, "top_p": 0.5}},
    )


def test_what_all_targets_drop_is_left_out_of_the_body():
    sent, body, _ = send(fallback(A, B, drop_params=["messages[*].content", "temperature"]))
    assert body == {"model": BODY["model"], "messages": [{"role": "user"}]}
    assert sent == fallback(A, B)


def test_a_config_without_such_keys_is_not_touched():
    config = fallback(A, B | {"override_params": {"top_p": 1}})
    assert fold_parameters(config, BODY, tested=frozenset()) == (config, BODY)


def test_what_a_condition_tests_stays_in_the_body():
    config = {"drop_params": ["temperature"], "targets": [A]}
    sent, body = fold_parameters(config, BODY, tested=frozenset({"params.temperature"}))
    assert body == BODY
    assert sent["targets"][0]["override_params"] == {"temperature": None}


@pytest.mark.parametrize("options", [{"url": HOSTED}, {"portkey_api_key": "pk"}], ids=str)
def test_portkeys_own_gateways_are_sent_the_keys_themselves(options):
    config = fallback(A | {"drop_params": ["temperature"]}, B, default_params={"max_tokens": 64})
    sent, body, _ = send(config, **options)
    assert body == BODY
    assert sent["default_params"] == {"max_tokens": 64}
    assert sent["targets"][0]["drop_params"] == ["temperature"]


@pytest.mark.parametrize("url", [OWN, HOSTED])
def test_a_key_that_is_not_known_here_is_sent_as_it_is_written(url):
    future = {"someFutureKey": {"deep": [1, {"x_y": None}]}}
    strategy = {"mode": "fallback", "hedge_after": 200}
    config = {"strategy": strategy, "targets": [A | future], **future}
    sent, _, _ = send(config, url=url)
    assert sent["someFutureKey"] == future["someFutureKey"]
    assert sent["targets"][0]["someFutureKey"] == future["someFutureKey"]
    assert sent["strategy"] == strategy


def test_a_default_that_the_unified_route_would_drop_is_no_less_a_loss():
    config = A | {"default_params": {"stop": ["."]}}
    assert send(config)[2] == "proxy"
    guarded = config | {"input_guardrails": [{"default.contains": {"words": ["x"]}}]}
    with pytest.raises(ParameterLossError, match="stop"):
        send(guarded)


def test_a_dropped_parameter_is_no_loss():
    config = A | {"drop_params": ["stop"]}
    _, body, lane = send(config, {**BODY, "stop": ["."]})
    assert lane == "unified"
    assert "stop" not in body


NAMES = st.sampled_from(["temperature", "seed", "random_seed", "max_tokens", "tools", "messages"])
VALUES = st.recursive(
    st.sampled_from([1, 0.5, "x", True, False]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
PARAMS = st.dictionaries(NAMES, VALUES, max_size=3)
PATHS = st.lists(
    st.builds(
        lambda name, rest: name + "".join(rest),
        NAMES,
        st.lists(st.sampled_from([".a", ".b", "[0]", "[*]"]), max_size=2),
    ),
    max_size=2,
)
KEYS = st.fixed_dictionaries(
    {}, optional={"default_params": PARAMS, "override_params": PARAMS, "drop_params": PATHS}
)
TREES = st.recursive(
    st.builds(lambda keys: A | keys, KEYS),
    lambda inner: st.builds(
        lambda keys, targets: fallback(*targets) | keys,
        KEYS,
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


@given(TREES, PARAMS, st.sets(NAMES.map("params.{}".format), max_size=1))
def test_each_target_gets_what_it_gets_in_direct_mode(config, body, tested):
    parsed = Config.parse(config)
    folded, sent = fold_parameters(parsed.document, body, tested=frozenset(tested))
    direct = [
        final(body, target.override_params)
        for target in leaves(resolve_parameters(parsed.root, body))
    ]
    gateway = [final(sent, own) for own in overrides_of(folded, {})]
    assert gateway == direct
    assert not any(node.get("default_params") or node.get("drop_params") for node in nodes(folded))
    if tested:
        name = next(iter(tested)).removeprefix("params.")
        assert sent.get(name) == body.get(name)


def final(body, overrides):
    """What reaches a target: the gateway merges overrides over the body, and a null is "not there"."""
    return {name: value for name, value in {**body, **overrides}.items() if value is not None}


def nodes(node):
    yield node
    for target in node.get("targets", ()):
        yield from nodes(target)


def overrides_of(node, inherited):
    own = {**inherited, **node.get("override_params", {})}
    if "targets" not in node:
        yield own
    for target in node.get("targets", ()):
        yield from overrides_of(target, own)

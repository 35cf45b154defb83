from __future__ import annotations

from typing import Any

import pytest

from driving import route
from portkey_mistral._routing.eligibility import check_embedding
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.config import Config
from portkey_mistral.exceptions import ConfigurationError

EMBED = RequestFacts(operation="embed", params={"model": "mistral-embed"})


def model(name: str, **params: Any) -> dict[str, Any]:
    return {"override_params": {"model": name, **params}}


def tree(mode: str, *targets: dict[str, Any]) -> dict[str, Any]:
    return {"strategy": {"mode": mode}, "targets": list(targets)}


def check(config: dict[str, Any], params: dict[str, Any]) -> None:
    root = Config.parse(config).root
    assert root is not None
    check_embedding(root, params)


@pytest.mark.parametrize(
    ("config", "params"),
    [
        ({}, {"model": "mistral-embed"}),
        (tree("fallback", {}, {"api_key": "k"}), {"model": "mistral-embed"}),
        (tree("fallback", {}, model("mistral-embed-2312")), {"model": "mistral-embed"}),
        (tree("fallback", model("a"), model("a")), {"model": "mistral-embed"}),
        (tree("single", {}, model("other")), {"model": "mistral-embed"}),
        (tree("loadbalance", {}, {"weight": 0, **model("other")}), {"model": "mistral-embed"}),
        (
            tree("fallback", {}, model("mistral-embed", output_dimension=1024)),
            {"model": "mistral-embed"},
        ),
        (
            tree("fallback", {}, {"mistral_fim_completion": "true", **model("codestral-latest")}),
            {"model": "mistral-embed"},
        ),
    ],
)
def test_one_vector_space(config: dict[str, Any], params: dict[str, Any]) -> None:
    check(config, params)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (tree("fallback", {}, model("text-embedding-3-small")), "text-embedding-3-small"),
        (
            tree("loadbalance", {}, tree("fallback", {}, model("codestral-embed"))),
            "codestral-embed",
        ),
        (tree("fallback", {}, model("mistral-embed", output_dimension=256)), "256 dimensions"),
        (tree("fallback", {}, model("mistral-embed", output_dtype="int8")), "int8"),
    ],
)
def test_two_vector_spaces_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"config\.targets\[1\]\S* would embed with"
    ) as caught:
        check(config, {"model": "mistral-embed"})
    assert message in str(caught.value)
    assert "config.targets[0] with 'mistral-embed'" in str(caught.value)


def test_the_plan_refuses_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match="cannot be compared"):
        route(tree("fallback", {}, model("other")), {}, facts=EMBED)


def test_a_chat_may_change_its_model() -> None:
    assert route(tree("fallback", {}, model("other")), {"0": 500, "1": 200}).paths == ["0", "1"]

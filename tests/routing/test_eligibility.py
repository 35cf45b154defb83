"""Which targets may have a request: the flag for fill-in-the-middle, and `strategy.skip`."""

from __future__ import annotations

import pytest

from driving import route
from portkey_mistral._api import Operation
from portkey_mistral._routing.outcomes import RequestFacts
from portkey_mistral.exceptions import InvalidRequestError
from portkey_mistral.models import ModelInfo, find

FIM = {"mistral_fim_completion": "true", "override_params": {"model": "codestral-latest"}}


def facts(operation: Operation = "chat", **rest: object) -> RequestFacts:
    return RequestFacts(operation=operation, params={"model": "small"}, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("operation", ["chat", "moderate"])
@pytest.mark.parametrize("mode", ["fallback", "loadbalance"])
def test_only_fim_goes_to_a_target_flagged_for_it(operation: Operation, mode: str) -> None:
    config = {"strategy": {"mode": mode}, "targets": [FIM, {}]}
    script = {"0": 200, "1": 200}
    for _ in range(8):
        assert route(config, script, facts=facts(operation)).paths == ["1"]


def test_an_embedding_never_goes_there_either() -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [FIM, {}]}
    assert route(config, {"1": 200}, facts=facts("embed")).paths == ["1"]


def test_fim_goes_there() -> None:
    assert route(FIM, {"": 200}, facts=facts("fim")).paths == [""]


def test_its_models_can_be_listed() -> None:
    assert route(FIM, {"": 200}, facts=facts("models")).paths == [""]


def test_without_an_eligible_target_it_is_an_error_before_sending() -> None:
    with pytest.raises(InvalidRequestError, match="config is for fill-in-the-middle only"):
        route(FIM, {}, facts=facts())


def known(name: str, window: int | None, *abilities: str) -> ModelInfo:
    return ModelInfo(
        id=name,
        name=name,
        family="open",
        context_window=window,
        capabilities=frozenset(abilities),
    )


CATALOG = {
    "small": known("small", 1000, "chat"),
    "large": known("large", 9000, "chat", "vision"),
    "old": known("old", None),
}


def skipping(*skip: str, first: str = "small") -> dict[str, object]:
    return {
        "strategy": {"mode": "fallback", "skip": list(skip)},
        "targets": [
            {"override_params": {"model": first}},
            {"override_params": {"model": "large"}},
        ],
    }


@pytest.mark.parametrize(
    ("skip", "needs", "tokens", "paths"),
    [
        ((), {"vision"}, 5000, ["0"]),
        (("capability",), {"vision"}, 0, ["1"]),
        (("capability",), {"chat"}, 5000, ["0"]),
        (("context",), {"vision"}, 0, ["0"]),
        (("context",), set(), 1001, ["1"]),
        (("context",), set(), 1000, ["0"]),
        (("context", "capability"), {"vision"}, 5000, ["1"]),
    ],
)
def test_skip(skip: tuple[str, ...], needs: set[str], tokens: int, paths: list[str]) -> None:
    request = facts(required_capabilities=frozenset(needs), prompt_tokens=lambda: tokens)
    followed = route(skipping(*skip), {"0": 200, "1": 200}, facts=request, find=CATALOG.get)
    assert followed.paths == paths


def test_max_tokens_count_towards_the_context_window() -> None:
    request = RequestFacts(operation="chat", params={"max_tokens": 600}, prompt_tokens=lambda: 500)
    followed = route(skipping("context"), {"1": 200}, facts=request, find=CATALOG.get)
    assert followed.paths == ["1"]


@pytest.mark.parametrize("first", ["old", "not-in-the-catalog"])
def test_an_unknown_model_is_never_skipped(first: str) -> None:
    request = facts(required_capabilities=frozenset({"vision"}), prompt_tokens=lambda: 10**6)
    config = skipping("capability", "context", first=first)
    assert route(config, {"0": 200}, facts=request, find=CATALOG.get).paths == ["0"]


def test_skip_applies_to_the_whole_subtree() -> None:
    config = {
        "strategy": {"mode": "loadbalance", "skip": ["capability"]},
        "targets": [
            {
                "weight": 1000,
                "strategy": {"mode": "single"},
                "targets": [{"override_params": {"model": "small"}}],
            },
            {"weight": 0.001, "override_params": {"model": "large"}},
        ],
    }
    request = facts(required_capabilities=frozenset({"vision"}))
    assert route(config, {"1": 200}, facts=request, find=CATALOG.get).paths == ["1"]


def test_nested_skips_add_up() -> None:
    config = {
        "strategy": {"mode": "fallback", "skip": ["capability"]},
        "targets": [
            {
                "strategy": {"mode": "fallback", "skip": ["context"]},
                "targets": [{"override_params": {"model": "small"}}],
            },
            {"override_params": {"model": "large"}},
        ],
    }
    for request in (
        facts(required_capabilities=frozenset({"vision"})),
        facts(prompt_tokens=lambda: 5000),
    ):
        assert route(config, {"1": 200}, facts=request, find=CATALOG.get).paths == ["1"]


def test_if_all_are_skipped_the_error_says_why() -> None:
    request = facts(required_capabilities=frozenset({"audio"}))
    with pytest.raises(InvalidRequestError, match=r"targets\[0\]: small has no audio; .*large has"):
        route(skipping("capability"), {}, facts=request, find=CATALOG.get)


def test_the_model_catalog_is_used_by_default() -> None:
    blind, seeing = find("codestral-latest"), find("mistral-small-latest")
    assert blind is not None
    assert seeing is not None
    assert "vision" not in blind.capabilities
    assert "vision" in seeing.capabilities
    config = {
        "strategy": {"mode": "fallback", "skip": ["capability"]},
        "targets": [
            {"override_params": {"model": "codestral-latest"}},
            {"override_params": {"model": "mistral-small-latest"}},
        ],
    }
    request = facts(required_capabilities=frozenset({"vision"}))
    assert route(config, {"1": 200}, facts=request).paths == ["1"]

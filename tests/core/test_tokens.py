"""The size of a prompt is a third of its bytes, and counted only on demand."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, StreamInterruptedError
from portkey_mistral.models import live_models
from portkey_mistral.sandbox import Fault, get, reset
from portkey_mistral.tokens import PromptSize


@pytest.fixture(autouse=True)
def _fresh_sandboxes() -> None:
    reset()


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        ({}, 0),
        ({"model": "a-long-name", "temperature": 0.5}, 0),
        ({"prompt": "x" * 30}, 10),
        ({"input": ["x" * 30, "y" * 6]}, 12),
        ({"input": "é" * 30}, 20),
        ({"prompt": "\ud800" * 3}, 1),
        ({"messages": [{"role": "user", "content": "x" * 26}]}, 10),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "x" * 22}]},
                    {"role": "assistant", "content": "", "tool_calls": None},
                ]
            },
            13,
        ),
    ],
)
def test_a_prompt_has_one_token_per_three_bytes(body: dict[str, Any], tokens: int) -> None:
    assert PromptSize(body)() == tokens


class Watched(UserDict[str, Any]):
    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__(body)
        self.keys_read: list[str] = []

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_read.append(key)
        return super().get(key, default)


def test_it_is_counted_once() -> None:
    body = Watched({"messages": [{"role": "user", "content": "x" * 26}]})
    size = PromptSize(body)
    assert body.keys_read == []
    assert size() == size() == 10
    assert body.keys_read == ["messages"]


@pytest.mark.parametrize("kind", STREAMED)
def test_an_interrupted_answer_counts_its_prompt(kind: Kind) -> None:
    get().inject(Fault(cut_after=3))
    with pytest.raises(StreamInterruptedError) as caught:
        kind.run(Client(base_url="sandbox:", max_retries=0), ask("x" * 296), None)
    assert caught.value.usage is not None
    assert caught.value.usage.prompt_tokens == 100  # of 300 bytes, "user" among them


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("skip", "path"), [([], 0), (["capability"], 0), (["context"], 1)])
def test_a_target_without_room_for_the_prompt_is_skipped(
    kind: Kind, skip: list[str], path: int
) -> None:
    chatting = [model for model in live_models(capabilities=["chat"]) if model.context_window]
    small, large = (each(chatting, key=lambda model: model.context_window) for each in (min, max))
    targets = [
        {"custom_host": "sandbox:", "override_params": {"model": model.id}}
        for model in (small, large)
    ]
    config = {"strategy": {"mode": "fallback", "skip": skip}, "targets": targets}
    assert small.context_window < large.context_window
    prompt = "x" * (3 * small.context_window + 3)
    answer = kind.run(Client(base_url="sandbox:", portkey_config=config), ask(prompt), None)
    assert answer.info.option_path == f"config.targets[{path}]"

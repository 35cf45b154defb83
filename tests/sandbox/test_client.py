"""`base_url="sandbox:"`: nothing leaves the machine, whatever a config names."""

from __future__ import annotations

import pytest

from kinds import KINDS, STREAMED, Kind, ask
from portkey_mistral import Client, EmbeddingRequest
from portkey_mistral.sandbox import get, reset

SEED_CONFIG = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "mistral-ai"},
        {"provider": "openai", "override_params": {"model": "gpt-4o"}},
    ],
}


@pytest.fixture(autouse=True)
def _reset() -> None:
    reset()


@pytest.mark.parametrize("kind", [*KINDS, *STREAMED])
def test_a_fallback_from_mistral_to_openai_runs_to_its_end(kind: Kind) -> None:
    get().fail(503)
    client = Client(base_url="sandbox:", portkey_config=SEED_CONFIG)
    answer = kind.run(client, ask("Hello", temperature=1.5, random_seed=3, safe_prompt=True), None)
    assert answer.text
    assert answer.model == "gpt-4o"
    assert [(each.path, each.status) for each in answer.info.attempts] == [
        ("config.targets[0]", 503),
        ("config.targets[1]", 200),
    ]
    (exchange,) = get("openai").requests
    assert exchange.path == "/openai/v1/chat/completions"
    assert (exchange.body["model"], exchange.body["seed"]) == ("gpt-4o", 3)


def test_the_sandbox_of_openai_can_fail_too() -> None:
    get().fail(503)
    get("openai").fail(429)
    with pytest.raises(Exception, match="Rate limit") as error:
        Client(base_url="sandbox:", portkey_config=SEED_CONFIG).chat(ask())
    assert [each.status for each in error.value.attempts] == [503, 429]  # type: ignore[attr-defined]


def test_residency_holds_for_a_sandbox_of_any_provider() -> None:
    get().fail(503)
    client = Client(base_url="sandbox:", portkey_config=SEED_CONFIG, data_residency="eu")
    assert client.chat(ask()).model == "gpt-4o"


def test_embeddings_of_openai() -> None:
    config = {"provider": "openai", "override_params": {"model": "text-embedding-3-small"}}
    client = Client(base_url="sandbox:", portkey_config=config)
    answer = client.embed(EmbeddingRequest(model="mistral-embed", inputs=["a", "b"]))
    assert len(answer.vectors) == 2


@pytest.mark.parametrize("name", ["East", "east", "East Coast", "ä.b"])
def test_a_name_keeps_its_case_and_its_letters(name: str) -> None:
    config = {"provider": "mistral-ai", "custom_host": f"sandbox:{name}"}
    assert Client(base_url="sandbox:", portkey_config=config).chat(ask()).text
    assert len(get(name).requests) == 1
    assert get(name.swapcase()).requests == []

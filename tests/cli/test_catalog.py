"""`portkey-mistral models`: the table, cards, and errors for unknown names."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from rich.console import Console, RenderableType

from portkey_mistral import models
from portkey_mistral.cli import catalog
from portkey_mistral.exceptions import ConfigurationError


def shown(view: RenderableType, *, width: int = 80) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return capture.get()


def chosen(
    can: Collection[str] = (), status: Collection[str] = (), *, everything: bool = False
) -> set[str]:
    return {m.label for m in catalog.choose(can=can, status=status, everything=everything)}


def test_live_models_are_shown_and_retired_ones_on_demand() -> None:
    live = chosen()
    assert "codestral-latest" in live
    assert "mistral-large-2407" not in live
    assert "mistral-large-2407" in chosen(everything=True)
    assert len(chosen(everything=True)) == len(models.all_models())


def test_filters() -> None:
    assert chosen(can=["fim"]) == {"codestral-latest"}
    assert "open-mixtral-8x7b" in chosen(status=["retired"])
    assert chosen(status=["retired"]).isdisjoint(chosen())
    assert chosen(can=["chat"], status=["preview"]) <= chosen(status=["preview"])


@pytest.mark.parametrize(
    ("can", "status", "expected"),
    [
        (["visoin"], [], "Unknown value 'visoin'; did you mean 'vision'?"),
        ([], ["gone"], "Unknown value 'gone'; use one of preview, ga, deprecated, retired."),
    ],
)
def test_an_invalid_filter_names_the_valid_ones(
    can: list[str], status: list[str], expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        chosen(can, status)
    assert expected in str(caught.value)


@pytest.mark.parametrize("everything", [False, True])
def test_the_table_fits_in_80_columns(*, everything: bool) -> None:
    rows = catalog.choose(can=(), status=(), everything=everything)
    text = shown(catalog.table(rows))
    assert max(len(line) for line in text.splitlines()) <= 80
    (line,) = [line for line in text.splitlines() if line.startswith("codestral-latest")]
    assert line.split() == ["codestral-latest", "ga", "128k", "0.30", "0.90", "chat", "tools", "json", "fim"]  # fmt: skip
    assert f"{len(rows)} of 61 models" in catalog.footnote(rows)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "@mine/codestral-latest",
            ["131,072 tokens", "$0.30 in, $0.90 out, $0.03 cached in", "fim"],
        ),
        ("open-mistral-nemo", ["retired", "2026-07-31", "ministral-8b-2512"]),
        (
            "codestral-embed",
            ["1536 numbers, up to 3072; float, int8", "$0.15 in per million tokens"],
        ),
        ("mistral-ocr-2512", ["$2.00 for 1000 pages, $3.00 for 1000 annotated pages"]),
        ("mistral-small-latest", ["reasoning effort", "none, high"]),
        ("open-mixtral-8x7b", ["unknown"]),
        ("mistral-large-4", ["262,144 tokens", "preview"]),
    ],
)
def test_a_card_shows_all_facts(name: str, facts: list[str]) -> None:
    text = shown(catalog.card(name), width=120)
    for fact in facts:
        assert fact in text


def test_every_card_fits_in_80_columns() -> None:
    for model in models.all_models():
        assert max(len(line) for line in shown(catalog.card(model.id)).splitlines()) <= 80


def test_an_unknown_name_gets_similar_names() -> None:
    with pytest.raises(ConfigurationError) as caught:
        catalog.card("codestrl-latest")
    assert "Similar: codestral-latest" in str(caught.value)
    assert "sent unchanged" in str(caught.value)


@pytest.mark.parametrize(
    ("tokens", "text"), [(None, "-"), (8_192, "8k"), (131_072, "128k"), (1_048_576, "1M")]
)
def test_short(tokens: int | None, text: str) -> None:
    assert catalog.short(tokens) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(None, "-"), (0.0, "0.00"), (0.3, "0.30"), (0.015, "0.015"), (7.5, "7.50")]
)
def test_money(usd: float | None, text: str) -> None:
    assert catalog.money(usd) == text

"""The catalog: the models, their names and capabilities, and the warnings about retired ones."""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path

import pytest

from portkey_mistral import models
from portkey_mistral.exceptions import CapabilityError

TODAY = date(2026, 11, 22)

# A folder of facts that may lie beside the repository; the table was written from it.
FACTS = Path(__file__).parents[3] / "shared" / "mistral" / "models.json"
# Mistral's pages use these names, but no model's own page lists them.
NOT_ON_A_CARD = {"codestral-mamba-latest", "mistral-moderation-latest"}


@pytest.fixture(autouse=True)
def _nothing_warned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_warned", set())


def test_the_catalog_has_61_models_with_distinct_ids() -> None:
    rows = models.all_models()
    assert len(rows) == len({model.id for model in rows}) == 61
    for model in rows:
        assert models.find(model.id) is model


NAMED = [
    # name, id, window, status, replacement
    ("mistral-large-latest", "mistral-large-2512", 262_144, "ga", None),
    ("mistral-large-2411", "mistral-large-2411", 131_072, "retired", "mistral-medium-3-5"),
    ("mistral-large-2407", "mistral-large-2407", 131_072, "retired", "mistral-large-2512"),
    ("mistral-medium-latest", "mistral-medium-3-5", 262_144, "ga", None),
    ("mistral-small-latest", "mistral-small-2603", 262_144, "ga", None),
    ("open-mistral-nemo", "open-mistral-nemo-2407", 131_072, "retired", "ministral-8b-2512"),
    ("open-mixtral-8x22b", "open-mixtral-8x22b", 65_536, "retired", "mistral-small-2603"),
    ("open-mixtral-8x7b", "open-mixtral-8x7b", 32_768, "retired", "mistral-small-2603"),
    ("open-mistral-7b", "open-mistral-7b", 32_768, "retired", "ministral-8b-2512"),
    ("codestral-latest", "codestral-2508", 131_072, "ga", None),
    ("codestral-mamba-latest", "open-codestral-mamba", 262_144, "retired", "codestral-2508"),
    ("mistral-embed", "mistral-embed-2312", 8_192, "ga", None),
    ("mistral-moderation-latest", "mistral-moderation-2603", 131_072, "ga", None),
]


@pytest.mark.parametrize(("name", "id_", "window", "status", "replacement"), NAMED)
def test_names_in_common_use_resolve(
    name: str, id_: str, window: int, status: str, replacement: str | None
) -> None:
    model = models.find(name)
    assert model is not None
    assert model.id == id_
    assert model.context_window == models.context_window(name) == window
    assert model.status_on(TODAY) == status
    assert model.replacement == replacement


@pytest.mark.parametrize(
    "name",
    [
        "codestral-latest",
        "mistral/codestral-latest",
        "mistral-ai/codestral-latest",
        "@my-slug/codestral-latest",
        "@my-slug/codestral-2508",
    ],
)
def test_portkey_forms_resolve(name: str) -> None:
    model = models.find(name)
    assert model is not None
    assert model.id == "codestral-2508"


@pytest.mark.parametrize(
    "name", ["", "@slug", "gpt-4o", "other/codestral-latest", "mistral-large-9"]
)
def test_an_unknown_name_is_not_refused(name: str) -> None:
    assert models.find(name) is None
    assert models.context_window(name) == models.DEFAULT_CONTEXT_WINDOW
    models.check_capabilities(name, {"chat", "vision", "fine_tuning"})
    models.warn_if_retired(name)


def test_an_alias_that_moved_belongs_to_the_later_model() -> None:
    moved = models.find("voxtral-mini-latest")
    assert moved is not None
    assert moved.id == "voxtral-mini-2602"


def test_a_model_without_a_window_gets_the_usual_one() -> None:
    assert models.context_window("mistral-ocr-latest") == models.DEFAULT_CONTEXT_WINDOW


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mistral-medium-3-5", "mistral-medium-latest"),
        ("mistral-embed-2312", "mistral-embed"),
        ("mistral-large-4-0", "mistral-large-4"),
        ("voxtral-mini-2507", "voxtral-mini-2507"),
        ("mistral-moderation-2603", "mistral-moderation-2603"),
    ],
)
def test_label(name: str, label: str) -> None:
    model = models.find(name)
    assert model is not None
    assert model.label == label
    assert models.find(label) is model


@pytest.mark.parametrize(
    ("day", "status"),
    [
        (date(2026, 5, 21), "ga"),
        (date(2026, 5, 22), "deprecated"),
        (date(2026, 8, 30), "deprecated"),
        (date(2026, 8, 31), "retired"),
    ],
)
def test_status_follows_the_announced_dates(day: date, status: str) -> None:
    model = models.find("mistral-medium-2508")
    assert model is not None
    assert model.status_on(day) == status


def test_status_today_is_the_status_on_todays_date() -> None:
    model = models.find("mistral-large-2407")
    assert model is not None
    assert model.status == "retired"


def test_live_models_are_filtered_by_capability_with_previews_last() -> None:
    found = models.live_models(capabilities=("chat", "vision"), today=TODAY)
    assert {"chat", "vision"} <= frozenset.intersection(*(model.capabilities for model in found))
    statuses = [model.status_on(TODAY) for model in found]
    assert statuses == sorted(statuses, key=["ga", "preview"].index)
    assert "mistral-large-4" in {model.id for model in found}


def test_only_codestral_completes_code() -> None:
    (codestral,) = models.live_models(capabilities=["fim"], today=TODAY)
    assert codestral.label == "codestral-latest"
    assert codestral.price == models.Price(0.3, 0.9, 0.03, models.prices_as_of())


# --- retirement warnings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "mistral-large-2407",
            "mistral-large-2407 was retired by Mistral on 2025-03-30. Use mistral-large-2512 instead.",
        ),
        (
            "@mine/open-mistral-nemo",
            (
                "@mine/open-mistral-nemo (open-mistral-nemo-2407) was retired by Mistral on "
                "2026-07-31. Use ministral-8b-2512 instead."
            ),
        ),
        (
            "labs-leanstral-2603",
            (
                "labs-leanstral-2603 was retired by Mistral on 2026-06-30. Its replacement "
                "labs-leanstral-1-5 is retired too. Mistral names no replacement: "
                "`portkey-mistral models` lists the available models."
            ),
        ),
    ],
)
def test_a_retired_model_names_its_date_and_replacement(name: str, text: str) -> None:
    with pytest.warns(models.ModelRetiredWarning) as caught:
        models.warn_if_retired(name, today=TODAY)
    assert [str(warning.message) for warning in caught] == [text]
    assert caught[0].filename == __file__


def test_a_retired_model_warns_once_per_process_under_any_name() -> None:
    names = ("open-mistral-nemo", "open-mistral-nemo-2407", "mistral/open-mistral-nemo")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in (*names, "open-mixtral-8x7b"):
            models.warn_if_retired(name, today=TODAY)
    assert len(caught) == 2


@pytest.mark.parametrize("name", ["mistral-large-4", "mistral-small-latest", "mistral-ocr-2512"])
def test_a_live_model_does_not_warn(name: str) -> None:
    models.warn_if_retired(name, today=TODAY)  # warnings are errors in this suite


def test_a_model_does_not_warn_before_its_date() -> None:
    models.warn_if_retired("mistral-medium-2508", today=date(2026, 8, 30))


# --- capabilities


@pytest.mark.parametrize(
    ("name", "needs", "expected"),
    [
        (
            "codestral-latest",
            {"chat", "vision"},
            "codestral-latest cannot read images. Models that can: ",
        ),
        (
            "mistral-small-latest",
            {"fim"},
            "cannot complete code in the middle. Models that can: codestral-latest.",
        ),
        (
            "mistral-small-latest",
            {"embeddings"},
            "Models that can: mistral-embed, codestral-embed.",
        ),
        ("mistral-embed", {"chat"}, "mistral-embed cannot chat. Models that can: "),
        ("codestral-latest", {"fim", "vision"}, "No known model can do all of it."),
        (
            "mistral-small-latest",
            {"image_generation"},
            "cannot answer with images: no Mistral model does",
        ),
        (
            "@mine/mistral-medium-latest",
            {"fine_tuning"},
            "training jobs are not part of this package",
        ),
    ],
)
def test_a_missing_capability_is_named_with_models_that_have_it(
    name: str, needs: set[str], expected: str
) -> None:
    with pytest.raises(CapabilityError) as caught:
        models.check_capabilities(name, needs, today=TODAY)
    assert expected in str(caught.value)
    assert str(caught.value).startswith(name)


def test_models_named_as_able_are_able_and_live() -> None:
    with pytest.raises(CapabilityError) as caught:
        models.check_capabilities("codestral-latest", {"vision"}, today=TODAY)
    named = str(caught.value).partition("Models that can: ")[2].rstrip(".").split(", ")
    assert "mistral-medium-latest" in named
    for name in named:
        model = models.find(name)
        assert model is not None
        assert "vision" in model.capabilities
        assert model.status_on(TODAY) in ("ga", "preview")


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("mistral-small-latest", {"chat", "vision", "tools", "json", "reasoning"}),
        ("codestral-latest", {"fim"}),
        ("mistral-large-2407", {"chat", "tools"}),  # nothing is on record of it any more
        ("mistral-small-latest", set()),
    ],
)
def test_a_model_with_the_capabilities_passes(name: str, needs: set[str]) -> None:
    models.check_capabilities(name, needs, today=TODAY)


# --- the table against the facts it was written from

WORDS = {
    "chat": "chat",
    "tools": "function_calling",
    "json": "json_schema",
    "vision": "vision",
    "audio": "audio_input",
    "reasoning": "reasoning",
    "fim": "fim",
    "prefix": "prefix",
    "prediction": "predicted_outputs",
    "documents": "document_qna",
    "embeddings": "embeddings",
    "moderation": "moderation",
    "ocr": "ocr",
    "transcription": "transcription",
    "speech": "tts",
    "batch": "batch",
    "agents": "agents",
    "builtin_tools": "built_in_tools",
}


def test_the_catalog_agrees_with_the_documented_facts() -> None:
    facts = json.loads(FACTS.read_text())["models"] if FACTS.is_file() else []
    for fact in facts:
        model = models.find(fact["id"])
        assert model is not None
        assert _as_facts(model) == {key: fact[key] for key in _as_facts(model)}
        assert set(model.other_aliases) - NOT_ON_A_CARD == set(fact["other_aliases_seen"])
    assert not facts or {fact["id"] for fact in facts} == {
        model.id for model in models.all_models()
    }


def test_every_replacement_and_every_capability_is_known() -> None:
    for model in models.all_models():
        assert model.replacement is None or models.find(model.replacement) is not None
        assert model.capabilities <= set(WORDS)


def _as_facts(model: models.ModelInfo) -> dict[str, object]:
    def day(value: date | None) -> str | None:
        return None if value is None else value.isoformat()

    price = model.price
    efforts = list(model.reasoning_efforts) or None
    return {
        "name": model.name,
        "aliases": list(model.aliases),
        "released": day(model.released),
        "status": model.status_on(models.as_of()),
        "deprecation_date": day(model.deprecated),
        "retirement_date": day(model.retires),
        "replacement": model.replacement,
        "context_tokens": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "price_usd_per_mtok": {
            "input": price and price.input,
            "output": price and price.output,
            "cached_input": price and price.cached_input,
        },
        "capabilities": {theirs: ours in model.capabilities for ours, theirs in WORDS.items()}
        | {"json_mode": "json" in model.capabilities, "reasoning_effort_values": efforts},
        "embedding_dimensions": _dimensions(model),
    }


def _dimensions(model: models.ModelInfo) -> dict[str, object] | None:
    if model.dimensions is None:
        return None
    if not model.dtypes:
        return {"default": model.dimensions, "fixed": True}
    sizes = {"default": model.dimensions, "max": model.max_dimensions}
    return {**sizes, "fixed": False, "dtypes": list(model.dtypes)}


def test_what_holds_for_several_models_is_the_least_of_each() -> None:
    info = models.common_info(
        ["mistral-small-latest", "codestral-latest", "magistral-medium-latest"]
    )
    assert info is not None
    assert info.id == "mistral-small-2603"
    assert info.context_window == 131_072
    assert info.capabilities == {"batch", "chat", "documents", "tools"}
    assert info.reasoning_efforts == ()


@pytest.mark.parametrize(
    ("names", "window"),
    [
        (["mistral-small-latest"], 262_144),
        (["mistral-small-latest", "gpt-of-tomorrow"], models.DEFAULT_CONTEXT_WINDOW),
        (["gpt-of-tomorrow", "mistral-small-latest"], models.DEFAULT_CONTEXT_WINDOW),
        (["mistral-small-latest", "open-mistral-7b"], 32_768),
    ],
)
def test_a_model_without_a_record_takes_no_capability_away(names: list[str], window: int) -> None:
    info, known = models.common_info(names), models.find("mistral-small-latest")
    assert info is not None
    assert known is not None
    assert (info.id, info.context_window) == (known.id, window)
    assert info.capabilities == known.capabilities


def test_of_models_without_a_record_nothing_is_known() -> None:
    assert models.common_info(["gpt-of-tomorrow"]) is None

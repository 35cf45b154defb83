"""The pages of the demo agree with the catalog: every number, date and name in them."""

from __future__ import annotations

import calendar
import re
from datetime import date
from pathlib import Path

from portkey_mistral import models
from portkey_mistral.demo.corpus import passages

PAGES = {
    page.stem: page.read_text(encoding="utf-8")
    for page in Path(models.__file__).with_name("demo").joinpath("corpus").glob("*.md")
}
MONTHS = tuple(calendar.month_name)
STATUS = {"ga": "*Generally available.*", "preview": "*Preview.*", "retired": "*Retired.*"}


def flat(model: models.ModelInfo) -> str:
    return " ".join(PAGES[model.id].split())


def days_in(text: str) -> set[date]:
    found = re.findall(r"\b(\d{1,2}) ([A-Z][a-z]+) (\d{4})\b", text)
    return {date(int(year), MONTHS.index(month), int(day)) for day, month, year in found}


def test_there_is_one_page_per_model() -> None:
    assert set(PAGES) == {model.id for model in models.all_models()}


def test_title_and_status() -> None:
    for model in models.all_models():
        title, status, *_ = PAGES[model.id].split("\n\n")
        assert title == f"# {model.name} (`{model.id}`)"
        assert status == STATUS[model.status_on(models.as_of())], model.id


def test_dates() -> None:
    for model in models.all_models():
        known = {model.released, model.deprecated, model.retires}
        assert days_in(flat(model)) == known - {None}, model.id


def test_token_counts() -> None:
    for model in models.all_models():
        counts = {int(n.replace(",", "")) for n in re.findall(r"([\d,]+) tokens", flat(model))}
        assert counts == {model.context_window, model.max_output_tokens} - {None}, model.id


def test_prices() -> None:
    for model in models.all_models():
        named = {float(price) for price in re.findall(r"\$(\d+(?:\.\d+)?)", flat(model))}
        price = model.price or models.Price(input=0.0)
        main = {price.input, price.output} - {None, 0.0}
        by_unit = {unit.usd for unit in model.unit_prices}
        announced = {float(price) for price in re.findall(r"\d\.\d+", model.note or "")}
        allowed = main | {price.cached_input} | by_unit | announced | {0.0}
        assert main <= named <= allowed, model.id


def test_names() -> None:
    for model in models.all_models():
        names = re.findall(r"`([^`]+)`", flat(model))
        found = [models.find(name) for name in names]
        assert all(found), model.id
        if model.replacement:
            assert models.find(model.replacement) in found, model.id
        if model.status_on(models.as_of()) != "retired":
            assert {model.label, *model.aliases} <= {model.id, *names}


def test_each_page_has_a_sensible_length() -> None:
    for model in models.all_models():
        assert 75 <= len(flat(model).split()) <= 215, model.id


def test_the_question_of_the_demo_has_one_true_answer() -> None:
    (codestral,) = models.live_models(capabilities=["fim"], today=models.as_of())
    assert codestral.price is not None
    assert (
        f"{codestral.label} is the model that completes code, and it costs "
        f"${codestral.price.input:.2f} per million input tokens and "
        f"${codestral.price.output:.2f} per million output tokens."
    ) in flat(codestral)


def test_passages_carry_the_title_of_their_page() -> None:
    found = passages()
    assert {passage.page for passage in found} == {
        f"{model.id}.md" for model in models.all_models()
    }
    for passage in found:
        heading, text = passage.text.split("\n")
        title = PAGES[passage.page.removesuffix(".md")].partition("\n")[0]
        assert heading.startswith(f"{title}, ")
        assert text in " ".join(PAGES[passage.page.removesuffix(".md")].split())

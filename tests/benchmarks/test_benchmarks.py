"""The benchmark does the work that it measures, and publishes what it found. No time is asserted."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import growth
import peers
import pytest
import report
import run
from contenders import CLIENT
from measuring import cpu_seconds, serving
from workloads import Workload, workloads

SMALL = {workload.name: workload for workload in workloads(chunks=5, paced=3, calls=4, texts=600)}


@pytest.fixture(scope="module")
def url():
    with serving() as made:
        yield made


@pytest.mark.parametrize("workload", SMALL.values(), ids=SMALL)
def test_each_workload_does_its_units_with_our_classes(workload: Workload, url) -> None:
    ours = [who for who in workload.contenders if who.ours]
    assert {target.ours for target in workload.targets} <= set(ours)
    with asyncio.Runner() as runner:
        for who in ours:
            subject = workload.subject(who, url(**workload.server))
            done, seconds = peers.timed(workload, subject, runner)
            assert done == workload.units * workload.repeated
            assert seconds > 0


def test_a_stream_that_merges_chunks_is_refused(url) -> None:
    short = SMALL["LangChain stream"]
    merged = replace(short, run=lambda model: short.run(model) - 1)
    with pytest.raises(AssertionError, match="ChatPortkeyMistral: 4 of 5 chunks"):
        peers.compare(merged, url, rounds=1)


def test_costs_are_told_for_everybody_who_is_installed(url) -> None:
    core = SMALL["Core chat"]
    compared = peers.compare(core, url, rounds=2)
    assert set(compared.microseconds) == {"Client", "httpx"}
    (ratio,) = compared.ratios
    assert ratio.ratio == compared.microseconds["Client"] / compared.microseconds["httpx"]
    assert ratio.met == (ratio.ratio <= 1.0)


def test_a_peer_that_is_not_installed_leaves_its_goal_open() -> None:
    target = SMALL["LlamaIndex chat"].targets[0]
    ratio = peers.ratio_of(target, {"PortkeyMistral": 300.0}, set())
    assert (ratio.peer, ratio.ratio, ratio.met) == (None, None, None)


def test_a_goal_in_time_is_judged_by_time_and_shown_beside_the_cheapest_peer() -> None:
    target = SMALL["One more client"].targets[0]
    costs = {"Client": 900.0, "ChatMistralAI": 300.0, "ChatOpenAI": 600.0}
    ratio = peers.ratio_of(target, costs, {"ChatMistralAI", "ChatOpenAI"})
    assert (ratio.peer, ratio.ratio, ratio.met) == ("ChatMistralAI", 3.0, True)


def test_imports_are_measured_over_the_frameworks_own() -> None:
    added = peers.compare_imports("the core over re", "import re", [CLIENT], rounds=1)
    assert added.microseconds["Client"] > 0
    assert added.ratios[0].absolute


@pytest.mark.parametrize("subject", growth.GROWTHS, ids=lambda subject: subject.name)
def test_growth_gives_a_line_for_each_way_and_size(subject: growth.Growth, url) -> None:
    line = growth.measured(subject, url, (1, 2), budget=0)
    assert (line.name, line.unit) == (subject.name, subject.unit)
    assert {way: tuple(costs) for way, costs in line.microseconds.items()} == dict.fromkeys(
        subject.ways, (1, 2)
    )


def test_growth_is_measured_up_to_what_was_promised() -> None:
    most = {subject.name: subject.sizes[-1] for subject in growth.GROWTHS}
    assert most == {
        "Concurrent calls": 1_000,
        "Chunks of a stream": 10_000,
        "Messages of a history": 1_000,
        "Targets of a config": 1_000,
        "Texts of an embedding job": 1_000_000,
    }


@pytest.mark.parametrize("way", growth.WAYS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_history_has_as_many_messages_as_asked_for(way: str, count: int) -> None:
    asked = growth.question(way, count)
    assert len(asked.messages if way == growth.CORE else asked) == count


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        ({1: 90.0, 10: 10.0, 100: 11.0}, "Flat"),
        ({1: 10.0, 10: 10.0, 100: 25.0}, "Dearer among the most (2.5 times in core): because."),
    ],
)
def test_a_line_is_flat_or_explained(costs: dict[int, float], told: str) -> None:
    assert growth.verdict({"core": costs}, "because").startswith(told)


def test_growth_without_a_reason_says_so() -> None:
    assert growth.verdict({"core": {1: 1.0, 10: 9.0}}, "").endswith("not explained.")


def test_work_that_is_dearer_than_its_budget_runs_once() -> None:
    runs: list[int] = []
    assert cpu_seconds(lambda: runs.append(1), budget=0) >= 0
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("microseconds", "told"),
    [(3.44, "3.4 µs"), (99.7, "100 µs"), (568.2, "568 µs"), (1_200, "1.2 ms"), (12e6, "12 s")],
)
def test_times_are_told_in_the_unit_that_fits(microseconds: float, told: str) -> None:
    assert report.told(microseconds) == told


# --- what is published ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    return json.loads((run.OUT / "results.json").read_text(encoding="utf-8"))


def test_the_readme_shows_these_results(results) -> None:
    readme = run.README.read_text(encoding="utf-8")
    assert report.within(readme, results) == readme
    for picture in ("peers.svg", "growth.svg"):
        assert f"(docs/benchmarks/{picture})" in readme


def test_the_table_has_a_row_for_each_goal(results) -> None:
    goals = sum(len(workload.targets) for workload in SMALL.values()) + len(peers.IMPORTS)
    table = report.table(results)
    assert len(re.findall(r"≤ .*(?:, met|, not met) \|$", table, re.MULTILINE)) == goals


def test_a_readme_without_a_place_for_the_table_is_refused(results) -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        report.within("# Nothing here", results)


@pytest.mark.parametrize("picture", ["peers.svg", "growth.svg"])
def test_the_pictures_are_small_and_say_where_they_come_from(picture: str, results) -> None:
    drawn = (run.OUT / picture).read_text(encoding="utf-8")
    assert len(drawn) < 100_000
    assert results["date"] in drawn
    assert "Python 3." in drawn


if find_spec("matplotlib") is not None:

    def test_the_pictures_are_drawn(results, tmp_path: Path) -> None:
        import plots

        plots.draw_peers(results, tmp_path / "peers.svg")
        plots.draw_growth(results, tmp_path / "growth.svg")
        for compared in results["peers"]:
            assert compared["name"] in (tmp_path / "peers.svg").read_text(encoding="utf-8")
        for line in results["growth"]:
            assert line["name"] in (tmp_path / "growth.svg").read_text(encoding="utf-8")

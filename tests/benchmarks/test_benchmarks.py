"""The benchmark does the work that it measures, and publishes its results. No time is asserted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import growth
import instructions
import peers
import pytest
import report
import run
import tasks
from contenders import CHAT_PORTKEY_MISTRAL, CLIENT, HTTPX
from measuring import certified, cpu_seconds, environment, serving
from workloads import Sizes, Workload, workloads

SIZES = Sizes(
    chunks=5, paced=3, calls=4, threads=2, texts=600, steps=3, json_bytes=200, histories=(1, 9), tools=(2,)
)  # fmt: skip
SMALL = {workload.name: workload for workload in workloads(SIZES)}
COLD = "Chat without a framework, one call a turn"


@pytest.fixture(scope="module")
def url():
    with serving() as made:
        yield made


def done_by(workload: Workload, kind: str, url) -> dict[str, int]:
    with environment(workload.environment), asyncio.Runner() as runner:
        return {
            who.name: peers.timed(workload, workload.subject(who, url(**workload.server)), runner)[
                0
            ]
            for who in workload.contenders
            if who.kind == kind and who.installed
        }


@pytest.mark.parametrize("workload", SMALL.values(), ids=SMALL)
def test_each_workload_does_its_units_with_our_classes(workload: Workload, url) -> None:
    done = done_by(workload, "ours", url)
    assert done
    assert set(done.values()) == {workload.units * workload.repeated}


@pytest.mark.parametrize("framework", ["LangChain", "LlamaIndex"])
def test_the_frameworks_floors_do_the_same_work(framework: str, url) -> None:
    measured = [
        each for each in SMALL.values() if f"{framework} alone" in {c.name for c in each.contenders}
    ]
    assert len(measured) >= 3
    for workload in measured:
        assert set(done_by(workload, "floor", url).values()) == {workload.units * workload.repeated}


def test_over_tls_the_same_work_is_done() -> None:
    workload = SMALL["Chat without a framework"]
    with certified() as certificate, serving(None, certificate) as url:
        assert url().startswith("https://")
        assert done_by(workload, "ours", url) == {"Client": workload.units * workload.repeated}


def test_rows_over_tls_exist() -> None:
    assert set(run.OVER_TLS) <= SMALL.keys()


def test_a_stream_that_merges_chunks_is_refused(url) -> None:
    short = SMALL["LangChain stream"]
    merged = replace(short, run=lambda model: short.run(model) - 1)
    with pytest.raises(AssertionError, match="ChatPortkeyMistral: 4 of 5 chunks"):
        peers.compare(merged, url, rounds=1)


def test_a_comparison_has_the_costs_of_all_installed_packages(url) -> None:
    workload = replace(SMALL["Chat without a framework"], contenders=(CLIENT, HTTPX), repeated=1)
    compared = peers.compare(workload, url, rounds=2)
    assert (set(compared.microseconds), compared.ours) == ({"Client", "httpx"}, ["Client"])
    text = "\n".join(report.comparison_lines(asdict(compared)))
    assert f"ours / it: {report.ratio(asdict(compared), 'Client', 'httpx'):.2f}" in text
    assert workload.taken in text


@pytest.mark.parametrize(
    ("name", "runs"),
    [("Chat without a framework", 5), ("Chat without a framework, one call a turn", 3)],
)
def test_a_warm_row_runs_before_each_run_that_is_timed(name: str, runs: int, url) -> None:
    """Two rounds, and the run at the start of each comparison."""
    subjects = []

    def run_and_count(subject: Any) -> Any:
        subjects.append(subject)
        return SMALL[name].run(subject)

    workload = replace(SMALL[name], run=run_and_count, contenders=(CLIENT,), repeated=1)
    peers.compare(workload, url, rounds=2)
    assert len(subjects) == runs


def test_nobody_always_comes_after_the_same_one(url) -> None:
    subjects = []

    def run_and_note(subject: Any) -> Any:
        subjects.append(subject)
        return SMALL[COLD].run(subject)

    workload = replace(SMALL[COLD], run=run_and_note, contenders=(CLIENT, HTTPX))
    compared = peers.compare(workload, url, rounds=20)
    firsts = {id(subject) for subject in subjects[2::2]}
    assert len(firsts) == 2
    assert list(compared.microseconds) == [CLIENT.name, HTTPX.name]


def test_instructions_are_counted_in_all_and_of_this_package(url) -> None:
    counted = instructions.count(partial(tasks.invoke, CHAT_PORTKEY_MISTRAL.make(url())))
    assert 0 < counted.ours < counted.instructions
    assert 0 < counted.functions < counted.ours


def test_work_counts_the_same_in_every_run_and_as_often_as_it_is_done() -> None:
    def work(times: int) -> None:
        for number in range(times):
            divmod(number, 2)

    one, two, four, again = (
        instructions.count(partial(work, times)).instructions for times in (1, 2, 4, 4)
    )
    assert four == again
    assert four - two == 2 * (two - one) > 0


def test_the_count_of_one_unit_leaves_out_the_rest_of_a_call() -> None:
    small, large = (
        instructions.Count(1_000 + n * 30, 400 + n * 10, functions=n) for n in (100, 200)
    )
    assert instructions.of_one(small, large, 100) == instructions.Count(30, 10, functions=200)


def test_floors_are_shown_after_peers() -> None:
    compared = {
        "microseconds": {"ours": 2.0, "floor": 1.0, "peer": 4.0},
        "ours": ["ours"],
        "floors": ["floor"],
    }
    assert report.peers_of(compared) == ["peer", "floor"]
    assert report.ratio(compared, "ours", "peer") == 0.5


@pytest.mark.full
def test_a_fresh_process_is_measured_to_its_first_answer(url) -> None:
    compared = peers.compare_fresh(
        "fresh", "invoke('hi')", [CHAT_PORTKEY_MISTRAL], url, rounds=1
    )  # fmt: skip
    assert compared.microseconds["ChatPortkeyMistral"] > 0


@pytest.mark.full
@pytest.mark.parametrize("subject", growth.GROWTHS, ids=lambda subject: subject.name)
def test_growth_has_one_line_per_workload_and_size(subject: growth.Growth, url) -> None:
    line = growth.measured(subject, url, (1, 2), budget=0)
    assert (line.name, line.unit) == (subject.name, subject.unit)
    assert {mode: tuple(costs) for mode, costs in line.values.items()} == dict.fromkeys(
        subject.ways, (1, 2)
    )


def test_growth_is_measured_up_to_the_promised_size() -> None:
    most = {subject.name: subject.sizes[-1] for subject in growth.GROWTHS}
    assert most == {
        "Concurrent calls": 1_000,
        "Chunks of a stream": 10_000,
        "Messages of a history": 1_000,
        "Tools bound to a model": 1_000,
        "Targets of a config": 1_000,
        "Texts of an embedding job": 1_000_000,
    }


@pytest.mark.full
def test_memory_is_measured_in_processes_of_their_own(url) -> None:
    line = growth.memory(url, (10,))
    assert line.values.keys() == {"embed_iter", "embed"}
    assert all(megabytes > 1 for costs in line.values.values() for megabytes in costs.values())


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 20, 100, 1_000])
def test_a_conversation_with_tools_is_one_that_mistral_accepts(count: int) -> None:
    messages = tasks.history(count)
    roles = [message.type for message in messages]
    assert (len(messages), roles[-1]) == (count, "human")
    assert all(pair != ("tool", "human") for pair in pairwise(roles))


@pytest.mark.parametrize("mode", growth.WAYS)
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_history_has_the_requested_number_of_messages(mode: str, count: int) -> None:
    built = growth.question(mode, count)
    assert len(built.messages if mode == growth.CORE else built) == count


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({1: 90.0, 10: 10.0, 100: 11.0}, "Flat"),
        ({1: 10.0, 10: 10.0, 100: 25.0}, "Dearer among the most (2.5 times in core): because."),
    ],
)
def test_a_line_is_flat_or_explained(costs: dict[int, float], expected: str) -> None:
    assert growth.verdict({"core": costs}, "because").startswith(expected)


def test_unexplained_growth_is_reported() -> None:
    assert growth.verdict({"core": {1: 1.0, 10: 9.0}}, "").endswith("not explained.")


def test_work_that_exceeds_its_time_budget_runs_once() -> None:
    runs: list[int] = []
    assert cpu_seconds(lambda: runs.append(1), budget=0) >= 0
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [(3.44, "3.4 µs"), (99.7, "100 µs"), (568.2, "568 µs"), (1_200, "1.2 ms"), (12e6, "12 s")],
)
def test_times_are_formatted_in_a_suitable_unit(microseconds: float, expected: str) -> None:
    assert report.duration(microseconds) == expected


# --- what is published ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results():
    return json.loads((run.OUT / "results.json").read_text(encoding="utf-8"))


def test_the_readme_shows_these_results(results) -> None:
    readme = run.README.read_text(encoding="utf-8")
    assert report.within(readme, results) == readme
    for picture in ("peers.svg", "growth.svg"):
        assert f"(docs/benchmarks/{picture})" in readme


def test_the_table_has_a_row_for_each_of_ours_and_no_goals(results) -> None:
    rows = [who for comparison in results["peers"] for who in comparison["ours"]]
    table = report.table(results)
    assert table.count("\n| ") == len(rows) + 2  # with the head
    assert "goal" not in table


def test_a_readme_without_table_markers_is_rejected(results) -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        report.within("# Nothing here", results)


@pytest.mark.parametrize("picture", ["peers.svg", "growth.svg"])
def test_the_plots_are_small_and_name_their_machine_and_versions(picture: str, results) -> None:
    drawn = (run.OUT / picture).read_text(encoding="utf-8")
    assert len(drawn) < 100_000
    assert results["date"] in drawn
    assert "Python 3." in drawn


if find_spec("matplotlib") is not None:

    @pytest.mark.full
    def test_the_pictures_are_drawn(results, tmp_path: Path) -> None:
        import plots

        plots.draw_peers(results, tmp_path / "peers.svg")
        plots.draw_growth(results, tmp_path / "growth.svg")
        for compared in results["peers"]:
            assert compared["name"] in (tmp_path / "peers.svg").read_text(encoding="utf-8")
        for line in results["growth"]:
            assert line["name"] in (tmp_path / "growth.svg").read_text(encoding="utf-8")

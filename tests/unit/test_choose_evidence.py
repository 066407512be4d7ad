"""What a choice takes from a run's file, needs from TOML files and flags, and the command `choose` on such a file."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from rollup_bench.engines.contract import Built
from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import DRAWS, Measured, between, normal
from rollup_bench.harness.choose.evidence import Evidence, Store, evidence
from rollup_bench.harness.choose.needs import DAYS_A_YEAR, Needs, Prices, changed, load
from rollup_bench.harness.choose.responses import Loop
from rollup_bench.harness.choose.rule import Rule
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import (
    Cost,
    Ended,
    Header,
    LoadCost,
    MixedQuestions,
    Operations,
    Record,
    Route,
    Spent,
    Verdict,
)
from rollup_bench.harness.report.site.pages import choice
from rollup_bench.harness.stats import student
from tests.support.command import Command
from tests.support.mixed import closed, opened
from tests.support.timed import rounds

HEADER = Header(
    dataset="d",
    rows=1000,
    seed=1,
    profile="standard",
    machine={},
    versions={},
    budget={"cores": 2, "memory": 1 << 30},
    scope=[],
    started="2026-01-01T00:00:00+00:00",
)
ROUTES = [Route(("events",), "in the client", 3), Route(("day",), "at ingest", 1)]
RAW, TUNED = "druid/raw", "druid/tuned"


def verdicts(arm: str) -> list[Record]:
    """An arm answers the questions `q` and `r` right."""
    return [Verdict(arm=arm, question=question, verdict=Kind.RIGHT) for question in "qr"]


def costs(arm: str, launches: int = 3, engine: float | None = 1.0) -> Iterator[Record]:
    """An arm is asked alone ten times in each launch, at 0.11 processor seconds for `q` and twice as much for `r`."""
    for launch in range(launches):
        for question, factor in (("q", 1), ("r", 2)):
            used = Spent(seconds=2.0, client=0.1 * factor, engine=engine and engine * factor, resident=7_000)
            yield Cost(arm=arm, question=question, cache="hot", launch=launch, questions=10, spent=used)


def loads(arm: str, built: Built | None = None) -> list[Record]:
    """Two loads of an arm: 10 and 12 s, and 3 ms of processor time for each event."""
    return [
        LoadCost(arm=arm, seconds=seconds, rows=9, bytes=500, built=built, processor=3.0, launch=launch)
        for launch, seconds in enumerate((10.0, 12.0))
    ]


def found(*lines: Record) -> Evidence:
    return evidence(Run.of([HEADER, *lines], "r.jsonl"), "r.jsonl")


def test_commands_name_the_file_of_a_dataset_that_is_not_built_in() -> None:
    lines = list(costs("a/raw"))
    assert found(*lines).option == "d.toml"
    built_in = Run.of([msgspec.structs.replace(HEADER, dataset="flights"), *lines], "r.jsonl")
    assert evidence(built_in, "r.jsonl").option == "flights"


def only(*lines: Record) -> Store:
    (store,) = found(*lines).stores
    return store


def test_a_store_has_its_processor_seconds_sizes_and_loads() -> None:
    store = only(*verdicts(RAW), *costs(RAW), *loads(RAW))
    assert store.processor["q"].value == pytest.approx(0.11)
    assert store.processor["r"].value == pytest.approx(0.22)
    assert (store.raw, store.bytes, store.memory) == (RAW, 500.0, 7000.0)
    assert store.load is not None
    assert store.load.value == pytest.approx((10 * 12) ** 0.5)
    assert store.ingest is not None
    assert store.ingest.value == pytest.approx(3e-3)


def test_a_load_by_tasks_of_another_engine_has_a_size_and_no_price() -> None:
    divided = [msgspec.structs.replace(line, loaded_by="spark") for line in loads(RAW)]
    store = only(*verdicts(RAW), *costs(RAW), *divided)
    assert (store.bytes, store.load, store.ingest) == (500.0, None, None)


def test_idle_memory_counts_where_it_was_measured() -> None:
    idle = Operations(
        engine="druid", settings=[], steps=[], tables={}, memory={"broker": 30, "indexer": 40}, recovery=1.0
    )
    assert only(*verdicts(RAW), *costs(RAW), idle).memory == 70.0
    embedded = msgspec.structs.replace(idle, memory={}, recovery=None, added=50)
    assert only(*verdicts(RAW), *costs(RAW), embedded).memory == 50.0


def test_a_layout_answers_unforeseen_questions_if_it_stores_the_events() -> None:
    both = [*verdicts(RAW), *verdicts(TUNED), *costs(RAW), *costs(TUNED), *loads(RAW)]
    assert [store.raw for store in found(*both, *loads(TUNED)).stores] == [RAW, ""]
    assert [store.raw for store in found(*both, *loads(TUNED, Built(1, 1.0, 1))).stores] == [RAW, RAW]


def test_requests_that_read_a_part_of_the_tables_take_the_same_route() -> None:
    whole = [Route(("months", "days"), "at ingest", 99), Route(("months",), "at ingest", 1)]
    timed = msgspec.structs.replace(rounds("q", {RAW: [9] * 4}), routes={RAW: whole})
    assert "q" in only(*verdicts(RAW), *costs(RAW), timed).processor
    elsewhere = msgspec.structs.replace(timed, routes={RAW: [whole[0], Route(("months",), "on the server", 1)]})
    assert "q" in only(*verdicts(RAW), *costs(RAW), elsewhere).unsure


@pytest.mark.parametrize(
    ("lines", "kind", "why"),
    [
        ([Verdict(arm=RAW, question="q", verdict=Kind.UNSUPPORTED, reason="no")], "cannot", "unsupported: no"),
        (
            [Verdict(arm=RAW, question="q", verdict=Kind.RIGHT, refused=12, refusal="odd spans"), *costs(RAW)],
            "cannot",
            "of 100 drawn requests it refuses 12: odd spans",
        ),
        ([*verdicts(RAW)], "unsure", "it was not timed"),
        ([*verdicts(RAW), *costs(RAW, launches=2)], "unsure", "it was timed in fewer than 3 launches"),
        ([*verdicts(RAW), *costs(RAW, engine=None)], "unsure", "the processor time of its server is unknown"),
        (
            [*verdicts(RAW), *costs(RAW), *(rounds("q", {RAW: [9] * 10 + [5] * 10}, launch) for launch in range(3))],
            "unsure",
            "its times still changed while they were measured",
        ),
        (
            [*verdicts(RAW), *costs(RAW), msgspec.structs.replace(rounds("q", {RAW: [9] * 4}), routes={RAW: ROUTES})],
            "unsure",
            "its requests took several routes: 75% in the client from events, 25% at ingest from day",
        ),
    ],
)
def test_figures_that_support_no_choice_are_left_out(lines: list[Record], kind: str, why: str) -> None:
    store = only(Cost(arm="x", question="z", cache="hot", launch=0, questions=1, spent=Spent(1.0, 1.0)), *lines)
    assert "q" not in store.processor
    assert getattr(store, kind)["q"].startswith(why)


def test_a_run_that_timed_nothing_is_refused() -> None:
    with pytest.raises(RequestError, match="nothing was timed in this run; give a run of --profile standard"):
        found(*verdicts(RAW))


def test_open_loops_of_a_mix_are_split_by_question() -> None:
    """Of 400 requests, every fifteenth takes 60 ms; the mix asks `q` three times as often as `r`."""
    mix = MixedQuestions(question="m", counts={"q": 3, "r": 1})
    lines: list[Record] = [
        closed(1, 40, 20, arm=RAW),
        opened("search 8", 8, 60_000, RAW),
        opened("confirm 8", 8, 60_000, RAW),
    ]
    store = only(*verdicts(RAW), *costs(RAW), mix, *lines)
    load = store.under_load["m"]
    assert [loop.rate for loop in load.loops] == [8, 8]
    counts = {question: sum(buckets.values()) for question, buckets in load.loops[0].buckets.items()}
    assert counts == {"q": 300, "r": 100}
    low, high = load.loops[0].p95(["q", "r"])
    assert low < 0.06 < high


@pytest.mark.parametrize(("milliseconds", "slow"), [(101, True), (99, False)])
def test_an_arm_that_was_offered_no_rate_is_slow_only_if_one_client_waits(milliseconds: int, slow: bool) -> None:
    mix = MixedQuestions(question="m", counts={"q": 3, "r": 1})
    store = only(*verdicts(RAW), *costs(RAW), mix, closed(1, 40, milliseconds, arm=RAW))
    assert store.under_load["m"].slow == slow


def test_a_bound_of_a_p95_holds_in_99_of_100_samples() -> None:
    rng, true = np.random.default_rng(1), -np.log(0.05)
    misses = [0, 0]
    for _ in range(400):
        times = rng.exponential(1.0, 500) * 1000
        numbers = np.ceil(np.log(times) / np.log(1.05)).astype(int).tolist()
        low, high = Loop(1.0, {"q": {number: numbers.count(number) for number in set(numbers)}}).p95(["q"])
        misses[0] += low > true
        misses[1] += high < true
    assert max(misses) <= 12


def test_too_few_responses_bound_nothing() -> None:
    assert Loop(1.0, {"q": {5: 20}}).p95(["q"])[1] == np.inf
    assert Loop(1.0).p95(["q"]) == (np.inf, np.inf)


def test_draws_have_the_quantiles_of_students_distribution() -> None:
    """Of six launches that differ by 10%, 99% of the draws lie within 4.03 standard errors."""
    values = {launch: float(np.exp(0.1 * apart)) for launch, apart in enumerate((-1.2, -0.7, -0.1, 0.2, 0.6, 1.2))}
    figure = Measured.of(values)
    error = float(np.std(np.log(list(values.values())), ddof=1)) / 6**0.5
    apart = np.abs(np.log(figure.draws()) - figure.centre) / error
    for level in (0.5, 0.9, 0.95):
        assert np.quantile(apart, level) == pytest.approx(student.quantile((1 + level) / 2, 5), rel=0.12)


def test_figures_of_the_same_launches_vary_together() -> None:
    rng = np.random.default_rng(2)
    logs = rng.normal(0, 0.1, 12)
    one, double = (Measured.of(dict(enumerate((factor * np.exp(logs)).tolist()))) for factor in (1.0, 2.0))
    assert np.allclose(double.draws() / one.draws(), 2.0)
    other = Measured.of(dict(enumerate(np.exp(rng.normal(0, 0.1, 12)).tolist())))
    assert abs(np.corrcoef(np.log(one.draws()), np.log(other.draws()))[0, 1]) < 0.8


def test_random_numbers_are_normal_and_independent() -> None:
    columns = np.array([normal(number) for number in range(40)])
    assert np.abs(columns.mean(axis=1)).max() < 4 / DRAWS**0.5
    assert np.abs(columns.std(axis=1) - 1).max() < 0.1
    assert np.abs(np.corrcoef(columns) - np.eye(40)).max() < 4.5 / DRAWS**0.5
    edges = between(1.0, 4.0, 3)
    assert 1.0 < edges.min() < edges.max() < 4.0
    assert np.median(edges) == pytest.approx(2.0, rel=0.1)


def test_a_single_launch_has_no_error() -> None:
    figure = Measured.of({0: 3.0})
    assert not figure.known
    assert figure.draws() == pytest.approx(np.full(DRAWS, 3.0), rel=1e-5)


def test_needs_are_read_from_toml_and_flags_override_them(tmp_path: Path) -> None:
    path = tmp_path / "needs.toml"
    path.write_text('rate = 5\nengines = ["druid"]\nask = { q = 2 }\n[prices]\ncpu_hour = 1.5\n')
    needs = load(path)
    assert needs == Needs(rate=5.0, engines=["druid"], ask={"q": 2.0}, prices=Prices(cpu_hour=1.5))
    assert changed(needs, {"rate": 6.0, "disk_gb_month": 2.0}).prices == Prices(cpu_hour=1.5, disk_gb_month=2.0)
    assert changed(needs, {"rate": 6.0}).rate == 6.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rates = 5", "rates is an unknown key; remove it, or write one of ask, rate,"),
        ("rate = 'x'", "rate is the text `x`; write a number"),
        ("rate = 0", "rate"),
        ("rate = nan", "rate is `nan`; write a number"),
        ("ask = { q = 0 }", "ask"),
        ("[prices]\ncpu = 1", "prices.cpu is an unknown key"),
        ("rate = ", "is not TOML in UTF-8"),
    ],
)
def test_wrong_needs_name_the_file_and_the_key(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "needs.toml"
    path.write_text(text)
    with pytest.raises(RequestError) as error:
        load(path)
    assert str(path) in str(error.value)
    assert said in str(error.value)


def test_the_mix_of_the_dataset_is_asked_by_default() -> None:
    mixed = found(*verdicts(RAW), *costs(RAW), MixedQuestions(question="m", counts={"q": 3, "r": 1}))
    assert Rule(mixed, Needs()).ask == {"q": 3, "r": 1}
    assert Rule(found(*verdicts(RAW), *costs(RAW)), Needs()).ask == {"q": 1.0, "r": 1.0}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a run with one store."""
    path = tmp_path / "r.jsonl"
    lines = [HEADER, *verdicts(RAW), *costs(RAW), *loads(RAW), Ended()]
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


def test_choose_prints_the_choice(command: Command, file: Path) -> None:
    status, out, _ = command("choose", str(file), "--rate", "2")
    assert status == 0
    assert out.splitlines()[0] == "d, 1,000 rows, 2 questions a second: 50% q, 50% r"
    assert out.splitlines()[1].startswith("Choose druid/raw: it costs ")
    assert "Prices are for one month." in out
    assert (
        "questions a second above 12.1 (99%: 12.1 to 12.1), now 2: no measured store is known to serve these needs"
        in out
    )


def test_choose_prints_json(command: Command, file: Path) -> None:
    status, out, _ = command("choose", str(file), "--format", "json")
    decision = json.loads(out)["decision"]
    assert (status, decision["answer"], decision["chosen"]) == (0, "one", [RAW])


def test_a_refusal_prints_its_command_in_one_line_and_exits_with_1(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    status, out, _ = command("choose", str(file), "--p95-ms", "5")
    assert status == 1
    assert "No choice: what these needs ask for is not known well enough." in " ".join(out.split())
    assert "rollup-bench run --dataset d.toml --engines druid --layouts raw --profile standard" in out


def test_the_newest_complete_run_is_taken_by_default(
    command: Command, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "results" / "vm").mkdir(parents=True)
    file.rename(file.parent / "results" / "vm" / "r.jsonl")
    (file.parent / "results" / "vm" / "cut.jsonl").write_bytes(msgspec.json.encode(HEADER) + b"\n")
    status, out, _ = command("choose")
    assert status == 0
    assert "Choose druid/raw" in out


def test_runs_of_two_datasets_are_refused(command: Command, file: Path) -> None:
    other = file.with_name("other.jsonl")
    other.write_bytes(file.read_bytes().replace(b'"dataset":"d"', b'"dataset":"e"'))
    assert "different datasets, d, e; give runs of one dataset" in command.refused("choose", str(file), str(other))


def test_the_run_of_the_needed_size_is_taken(command: Command, file: Path) -> None:
    other = file.with_name("other.jsonl")
    other.write_bytes(file.read_bytes().replace(b'"rows":1000', b'"rows":2000'))
    assert "d, 2,000 rows" in command("choose", str(file), str(other))[1]
    small = ("--years", "1", "--events-a-day", "2.7")
    assert f"rollup-bench submit {file}" in command("choose", str(file), str(other), *small)[1]


def test_a_size_between_and_beyond_three_runs_is_extrapolated(command: Command, file: Path) -> None:
    files = [file, file.with_name("middle.jsonl"), file.with_name("large.jsonl")]
    for path, rows in zip(files[1:], (2000, 4000), strict=True):
        path.write_bytes(file.read_bytes().replace(b'"rows":1000', b'"rows":%d' % rows))
    names, needs = [str(path) for path in files], ("--years", "1", "--events-a-day", str(30_000 / DAYS_A_YEAR))
    first = command("choose", *names, *needs)[1].splitlines()[0]
    assert first.startswith("d, 30,000 rows (extrapolated from runs of 1,000; 2,000; 4,000; times under load are not")
    refused = command.refused("report", *names, *needs, "--out", str(file.with_name("decision.html")))
    assert "--years, --events-a-day: 30,000 events were not measured" in refused


def test_the_address_of_a_choice_has_the_needs_that_differ_from_the_defaults() -> None:
    mixed = found(*verdicts(RAW), *costs(RAW), MixedQuestions(question="m", counts={"q": 3, "r": 1}))
    needs = changed(Needs(), {"rate": 2.5, "p95_ms": 100.0, "ask": {"q": 3.0}, "engines": ["druid"], "cpu_hour": 1.0})
    assert choice(Rule(mixed, Needs())) == "#/choose?run=r.jsonl"
    given = "ask=r~0&rate=2.5&p95-ms=100&cpu-hour=1&engines=druid"
    assert choice(Rule(mixed, needs)) == f"#/choose?run=r.jsonl&{given}"


def test_a_report_is_one_file_that_is_never_overwritten(command: Command, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "decision.html"
    assert command.done("report", str(file), "--rate", "2", "--out", str(out)) == f"written to {out}\n"
    text = out.read_text("utf-8")
    assert 'src="' not in text
    assert "&rate=2" in text
    assert f"{out} exists; give another file with --out" in command.refused("report", str(file), "--out", str(out))
    other = tmp_path / "other.html"
    assert "has no question `x`" in command.refused("report", str(file), "--ask", "x=1", "--out", str(other))
    assert not other.exists()

"""The choice of a store or a pair: hand-made figures with a known best, and everything that it refuses."""

import shlex
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from experiments.choices import chosen_alone, covered, told_apart
from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.evidence import Evidence
from rollup_bench.harness.choose.flips import Flip, flips
from rollup_bench.harness.choose.needs import changed
from rollup_bench.harness.choose.prices import SECONDS
from rollup_bench.harness.choose.responses import Loop, UnderLoad, under_load
from rollup_bench.harness.choose.rule import Decision, Rule
from rollup_bench.harness.cli.main import cli
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import ClosedLoop, Spent
from rollup_bench.harness.report.decisions import described, flip_text
from rollup_bench.harness.stats import histograms
from rollup_bench.workloads.mixes import Mix
from tests.support.command import Command
from tests.support.evidence import BUSY, decide, loop, loops, run, store
from tests.support.timed import HEADER

GB = 1e9
ROLLUP, COHORT = "rollup", "cohort"
DRUID = store("druid/raw", {ROLLUP: 0.01, COHORT: 0.4}, raw="druid/raw")
CASSANDRA = store("cassandra/tuned", {ROLLUP: 0.2, COHORT: 0.02})
BOTH = "druid/raw and cassandra/tuned"


def names(decided: Decision) -> list[str]:
    return [offer.name for offer in decided.offers]


def flip(evidence_needs: Rule, need: str, up: bool) -> Flip:
    (found,) = [one for one in flips(evidence_needs, evidence_needs.choose()) if (one.need, one.up) == (need, up)]
    return found


def test_the_cheapest_store_is_chosen_at_its_price() -> None:
    """Two questions of 10 and 400 ms and two of 200 and 20 ms, asked once a second at a price of 1 an hour."""
    decided = decide(run(DRUID, CASSANDRA), engines=["druid"])
    assert (decided.answer, decided.chosen) == ("one", ["druid/raw"])
    assert decided.offers[0].price.middle == pytest.approx(0.205 * SECONDS / 3600, rel=0.01)
    assert decided.offers[0].price.low < decided.offers[0].price.middle < decided.offers[0].price.high
    assert decided.offers[0].cheapest == 1.0


def test_a_pair_sends_each_question_where_it_needs_less() -> None:
    decided = decide(run(DRUID, CASSANDRA))
    assert (decided.answer, decided.chosen) == ("both", [BOTH])
    assert decided.offers[0].questions == {"druid/raw": [ROLLUP], "cassandra/tuned": [COHORT]}
    assert decided.offers[0].price.middle == pytest.approx(0.015 * SECONDS / 3600, rel=0.01)
    assert names(decided) == [BOTH, "cassandra/tuned", "druid/raw"]


def test_the_second_system_is_in_the_price_of_a_pair() -> None:
    """Both stores have 1 GB of memory, which costs more than the processor time that the pair saves."""
    stores = [msgspec.structs.replace(one, memory=GB, bytes=GB) for one in (DRUID, CASSANDRA)]
    decided = decide(run(*stores), memory_gb_month=1000.0, disk_gb_month=7.0, system_month=5.0)
    assert (decided.answer, decided.chosen) == ("one", ["cassandra/tuned"])
    pair = next(offer for offer in decided.offers if offer.name == BOTH)
    assert {name: pair.price.paid[name] for name in ("memory", "disk", "systems")} == {
        "memory": 2000.0,
        "disk": 14.0,
        "systems": 10.0,
    }
    assert (pair.memory_bytes, pair.disk_bytes) == (2 * GB, 2 * GB)
    assert pair.load_seconds == pytest.approx(20.0, rel=0.02)


def test_replicas_multiply_memory_disk_and_loading_but_not_questions() -> None:
    one = store("druid/raw", {ROLLUP: 0.01}, memory=GB, bytes=GB)
    prices: dict[str, Any] = {"memory_gb_month": 2.0, "disk_gb_month": 1.0, "events_a_day": 1e6}
    single, double = (decide(run(one), replicas=number, **prices).offers[0].price.paid for number in (1, 2))
    assert double["questions"] == single["questions"]
    assert all(double[name] == pytest.approx(2 * single[name]) for name in ("memory", "disk", "loading"))


def test_loading_costs_the_processor_time_of_the_new_events() -> None:
    """A million events a day of a microsecond each are a second a day, and 30.4 in a month."""
    paid = decide(run(store("a/raw", {ROLLUP: 0.01})), events_a_day=1e6).offers[0].price.paid
    assert paid["loading"] == pytest.approx(365.25 / 12 / 3600, rel=0.01)


def test_a_machine_is_paid_by_its_measured_capacity() -> None:
    """Between 40 and 50 requests a second; two a second are a twentieth to a twenty-fifth of a machine."""
    found = loops(loop(40, {ROLLUP: 50}), loop(50, {ROLLUP: 150}))
    machine = store("a/raw", {ROLLUP: 0.01}, under_load={ROLLUP: found})
    price = decide(run(machine), rate=2.0, cluster_hour=1.0).offers[0].price
    hours = 365.25 / 12 * 24
    assert hours / 25 < price.low < price.middle < price.high < hours / 20
    beyond = decide(run(machine), rate=41.0, cluster_hour=1.0)
    assert beyond.answer == "refused"
    assert beyond.refused[0].why == "one machine is known to sustain 40 questions a second, not 41"
    refused = decide(run(store("a/raw", {ROLLUP: 0.01})), cluster_hour=1.0)
    assert refused.answer == "refused"
    assert "the highest rate of one machine was not measured" in refused.refused[0].why


def test_a_rate_above_the_measured_ones_is_refused_and_one_that_was_not_sustained_fails() -> None:
    """Sustained at 40 a second, not at 50; ten milliseconds a question would leave room for 200 on two cores."""
    tried = store("a/raw", {ROLLUP: 0.01}, under_load={ROLLUP: loops(loop(40, {ROLLUP: 50}), Loop(50.0))})
    assert decide(run(tried), rate=40.0).chosen == ["a/raw"]
    between = decide(run(tried), rate=45.0)
    assert between.answer == "refused"
    assert between.refused[0].why == "one machine is known to sustain 40 questions a second, not 45"
    above = decide(run(tried), rate=50.0)
    assert (above.answer, above.failing[0].why) == ("neither", "it did not sustain 50 questions a second")


def test_equal_stores_are_not_told_apart() -> None:
    decided = decide(run(store("a/raw", {ROLLUP: 0.01}), store("a/tuned", {ROLLUP: 0.0101})))
    assert sorted(decided.chosen) == ["a/raw", "a/tuned"]
    assert decided.answer == "one"
    assert sum(offer.cheapest for offer in decided.offers) == pytest.approx(1.0)


def test_a_store_and_a_pair_that_cannot_be_told_apart_are_undecided() -> None:
    """The second store saves 5 ms of the mean question, and its gigabyte of memory costs as much."""
    one = store("a/raw", {ROLLUP: 0.02, COHORT: 0.02})
    other = store("b/tuned", {ROLLUP: 0.03, COHORT: 0.01}, memory=GB)
    decided = decide(run(one, other), memory_gb_month=0.005 * SECONDS / 3600)
    assert decided.answer == "undecided"
    assert sorted(decided.chosen) == ["a/raw", "a/raw and b/tuned"]


def test_a_question_stays_at_home_unless_the_other_store_is_sure_to_need_less() -> None:
    one, other = store("a/raw", {ROLLUP: 0.02, COHORT: 0.02}), store("b/raw", {ROLLUP: 0.0201, COHORT: 0.01999})
    assert names(decide(run(one, other))) == ["a/raw", "b/raw"]


def test_simulated_runs_choose_right() -> None:
    """`python -m experiments.choices` counts 10,000 of each."""
    alone = [chosen_alone(np.random.default_rng([7, seed])) for seed in range(60)]
    assert alone.count("wrong") <= 1
    assert alone.count("best") >= 45
    assert sum(told_apart(np.random.default_rng([8, seed])) for seed in range(60)) <= 5
    assert sum(covered(np.random.default_rng([9, seed])) for seed in range(60)) >= 54


def test_a_question_that_a_store_cannot_answer_rules_it_out() -> None:
    without = store("druid/raw", {ROLLUP: 0.01}, cannot={COHORT: "unsupported: no funnels"})
    decided = decide(run(without, CASSANDRA))
    assert decided.chosen == [BOTH]
    assert [(one.name, one.why) for one in decided.failing] == [
        ("druid/raw", "cohort on druid/raw: unsupported: no funnels")
    ]


def test_neither_is_an_answer() -> None:
    without = store("druid/raw", {}, cannot={COHORT: "unsupported"})
    decided = decide(run(without))
    assert (decided.answer, decided.chosen, decided.refused) == ("neither", [], [])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"disk_gb": 1.0}, "2 GB on disk"),
        ({"rate": 20.0}, "needs 3.9"),
        ({"load_seconds": 9.0}, "loads in 9."),
        ({"p95_ms": 20.0, "rate": 1.5}, "its p95 is above 20 ms at 1.5 questions a second"),
    ],
)
def test_a_need_that_is_not_met_rules_a_store_out(values: dict[str, Any], why: str) -> None:
    found = loops(loop(1.25, {COHORT: 50}), loop(2, {COHORT: 60}))
    decided = decide(run(store("a/raw", {COHORT: 0.2}, bytes=2 * GB, under_load={COHORT: found})), **values)
    assert decided.answer == "neither"
    assert decided.failing[0].why.startswith(why)


def test_a_p95_is_known_from_the_measured_mix_at_that_rate_or_above() -> None:
    mix = {"m": {ROLLUP: 3, COHORT: 1}}
    found = loops(loop(10, {ROLLUP: 10, COHORT: 40}), loop(20, {ROLLUP: 30, COHORT: 200}))
    evidence = run(store("a/raw", {ROLLUP: 0.01, COHORT: 0.01}, under_load={"m": found}), mixes=mix)
    assert decide(evidence, p95_ms=50.0, rate=8.0).chosen == ["a/raw"]
    assert decide(evidence, p95_ms=50.0, rate=20.0).answer == "neither"
    between = decide(evidence, p95_ms=50.0, rate=15.0)
    assert between.answer == "refused"
    assert between.refused[0].why.startswith("its p95 at 15 questions a second is not known to be within 50 ms, and")
    assert between.refused[0].command == ""
    other = decide(evidence, p95_ms=50.0, rate=8.0, ask={ROLLUP: 1.0, COHORT: 1.0})
    assert "the p95 of this mix of questions was not measured" in other.refused[0].why


@pytest.mark.parametrize(
    ("under_load", "command"),
    [
        ({}, "--questions cohort"),  # the question was not put under load by itself
        ({COHORT: loops(loop(9, {}))}, "--questions cohort"),  # a rate that was not sustained
        ({COHORT: UnderLoad()}, "--questions cohort"),  # all rates were undecided
        ({COHORT: loops(loop(9, {COHORT: 30}))}, ""),
        ({COHORT: UnderLoad(slow=True)}, ""),  # a single client waits longer than the objective, 100 ms
    ],
)
def test_a_p95_is_measured_again_only_if_another_run_may_tell_it(
    under_load: dict[str, UnderLoad], command: str
) -> None:
    found = run(store("a/raw", {COHORT: 0.01}, under_load=under_load))
    slow = COHORT in under_load and under_load[COHORT].slow
    (refusal,) = decide(found, p95_ms=200.0 if slow else 2.0, rate=1.0).refused
    assert "its p95 at 1 question a second is not known" in refusal.why
    assert ("no other run would tell it" in refusal.why) == (not command)
    assert command in refusal.command
    assert bool(refusal.command) == bool(command)


def test_a_store_of_a_pair_is_as_fast_as_with_the_whole_mix() -> None:
    """Neither store meets 50 ms with the whole mix, but each meets it with its own questions."""
    mix = {"m": {ROLLUP: 1, COHORT: 1}}
    found = [loops(loop(2, {ROLLUP: 10, COHORT: 90})), loops(loop(2, {ROLLUP: 90, COHORT: 9}))]
    pair = [
        msgspec.structs.replace(one, under_load={"m": load})
        for one, load in zip((DRUID, CASSANDRA), found, strict=True)
    ]
    decided = decide(run(*pair, mixes=mix), p95_ms=50.0, rate=2.0)
    assert (decided.answer, decided.chosen) == ("both", [BOTH])
    assert len(decided.failing) == 2


def test_unforeseen_questions_go_to_raw_events() -> None:
    raw = store("a/raw", {ROLLUP: 0.1}, raw="a/raw")
    day = store("a/day", {ROLLUP: 0.001})
    tuned = store("a/tuned", {ROLLUP: 0.002}, raw="a/raw")
    decided = decide(run(raw, day, tuned), unforeseen=0.5)
    assert decided.chosen == ["a/tuned"]
    assert decided.offers[0].price.middle == pytest.approx(0.051 * SECONDS / 3600, rel=0.01)
    assert decided.failing[0].why.startswith("unforeseen questions on a/day: it does not store the events")


@pytest.mark.parametrize(
    ("values", "what", "why", "command"),
    [
        ({"engines": ["duckdb"]}, "engines", "duckdb was not measured, only druid", "--engines duckdb"),
        ({"nodes": 3}, "machines", "druid ran on one machine, you need 3", "--rows 1000000 --via external"),
        ({"years": 20.0}, "years kept", "the events span 10.0 years, you keep 20", "data describe"),
        (
            {"years": 5.0, "events_a_day": 1e6},
            "number of events",
            "1,000,000 events were measured",
            "--rows 1826250000",
        ),
        (
            {"error": 0.01},
            "tolerated error",
            "rollup was asked with an error of 0.02, you tolerate 0.01",
            "--questions rollup",
        ),
    ],
)
def test_needs_outside_of_what_was_measured_are_refused(
    values: dict[str, Any], what: str, why: str, command: str
) -> None:
    decided = decide(run(DRUID, errors={ROLLUP: 0.02}), **values)
    (refusal,) = decided.refused
    assert decided.answer == "refused"
    assert refusal.what == what
    assert refusal.why.startswith(why)
    assert command in refusal.command
    assert understood(refusal.command)


def test_a_store_gives_no_more_answers_than_to_clients_that_wait_for_each() -> None:
    """Slow stores are put under no open loop; as a part of a pair, such a store is asked only some of the questions."""
    slow = UnderLoad(slow=True, most=40.0)
    both = {ROLLUP: 1, COHORT: 1}
    druid = store("druid/raw", {ROLLUP: 0.001, COHORT: 0.04}, under_load={"m": slow})
    cassandra = store("cassandra/raw", {ROLLUP: 0.04, COHORT: 0.001}, under_load={"m": slow})
    decided = decide(run(druid, cassandra, mixes={"m": both}), rate=45.0)
    assert decided.chosen == ["druid/raw and cassandra/raw"]
    assert decided.offers[0].p95 == (0.0, None)
    assert [one.why for one in decided.failing] == [
        "it gave at most 40 answers a second to clients that wait for each answer"
    ] * 2
    assert decide(run(druid, mixes={"m": both}), rate=39.0).offers[0].p95 == (0.1, None)


def test_stores_on_other_numbers_of_machines_are_refused() -> None:
    three = run(DRUID, store("cassandra/raw", {ROLLUP: 0.1, COHORT: 0.1}), nodes={"cassandra": 3})
    whys = [[one.why for one in decide(three, nodes=nodes).refused] for nodes in (1, 2)]
    starts = [[why.partition(";")[0] for why in each] for each in whys]
    assert starts[0] == ["cassandra ran on 3 machines, you need 1 for each store"]
    assert starts[1][0] == "druid ran on one machine, you need 2 for each store"
    assert starts[1][1:] == ["cassandra ran on 3 machines, you need 2 for each store"]
    assert decide(three, nodes=3, engines=["cassandra"]).chosen == ["cassandra/raw"]


def test_a_longer_span_is_measured_with_generated_events() -> None:
    flights = run(DRUID, dataset="flights", days=365.0)
    kept, longer = (decide(flights, years=years).refused[0] for years in (10.0, 20.0))
    assert kept.command.startswith("rollup-bench run --dataset game --engines druid --layouts raw --rows 1000000")
    assert longer.command == "rollup-bench data describe --help"


def test_the_named_commands_run(command: Command) -> None:
    """With a profile that only checks answers, and fewer events."""
    duckdb = run(store("duckdb/raw", {"busy-hours": 0.01}), errors={"busy-hours": 0.02}, days=365.0, dataset="flights")
    refused = [
        *decide(duckdb, years=10.0, events_a_day=1.0).refused,
        *decide(run(*duckdb.stores, errors=duckdb.errors), error=0.01).refused,
    ]
    for refusal in refused:
        _, *words = shlex.split(refusal.command)
        status, out, err = command(*["check" if word == "standard" else word for word in words])
        assert status == 0, out + err
    assert len(refused) == 3


def lacking(**others: Any) -> Evidence:
    """A run of one store that lacks a figure."""
    return run(store("a/raw", {ROLLUP: 1e-3}, **others))


@pytest.mark.parametrize(
    ("evidence", "values", "what", "why"),
    [
        (run(store("a/raw", {}, unsure={ROLLUP: "its times still changed"})), {}, "a/raw", "rollup: its times still"),
        (lacking(memory=None), {}, "a/raw", "the memory of a/raw was not measured"),
        (lacking(bytes=None), {}, "a/raw", "the bytes of a/raw on disk are unknown"),
        (lacking(ingest=None), {"events_a_day": 1.0}, "a/raw", "the processor time of loads of a/raw was not measured"),
        (lacking(load=None), {"load_seconds": 1.0}, "a/raw", "the time of a load of a/raw was not measured"),
        (lacking(), {"p95_ms": 1.0}, "a/raw", "rollup: its p95 at 1 question a second is not known"),
        (run(DRUID, days=None), {"years": 1.0}, "years kept", "the file does not say how many days its events span"),
    ],
)
def test_what_was_not_measured_is_named_with_the_command_that_measures_it(
    evidence: Evidence, values: dict[str, Any], what: str, why: str
) -> None:
    decided = decide(evidence, **values)
    (refusal,) = decided.refused
    assert (decided.answer, refusal.what) == ("refused", what)
    assert refusal.why.startswith(why)
    assert understood(refusal.command)


def test_refusals_for_the_same_reason_share_a_line() -> None:
    unsure = {ROLLUP: "it was not timed", COHORT: "it was not timed"}
    decided = decide(run(store("a/raw", {}, unsure=unsure), store("b/raw", {}, unsure=unsure)))
    (refusal,) = decided.refused
    assert (refusal.what, refusal.why) == ("a/raw, b/raw", "rollup, cohort: it was not timed")


def test_an_unknown_question_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(RequestError, match=r"ask: r\.jsonl has no question `x`; give one of rollup, cohort"):
        decide(run(DRUID), ask={"x": 1.0})


def understood(command: str) -> bool:
    """Whether the command line accepts the command and its options, up to the events that it would need."""
    program, *words = shlex.split(command)
    assert program == "rollup-bench"
    return CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0


def test_the_price_at_which_the_choice_changes_is_found() -> None:
    """A slow small store against a fast one with 6 GB more: equal at a saving of 0.1 s a question."""
    fast, slow = store("a/raw", {ROLLUP: 0.1}, memory=8 * GB), store("a/tuned", {ROLLUP: 0.2}, memory=2 * GB)
    needs = changed(BUSY, {"rate": 1e-2, "memory_gb_month": 1.0})
    rule = Rule(run(fast, slow), needs)
    true = 6.0 / (0.1 * SECONDS / 3600)
    found = flip(rule, "rate", up=True)
    assert found.low is not None
    assert found.high is not None
    assert found.low < true < found.high
    assert found.high / found.low < 1.2
    assert found.chosen == ["a/raw"]
    assert flip(rule, "cpu_hour", up=True).value == pytest.approx(true / 1e-2, rel=0.02)
    assert flip(rule, "memory_gb_month", up=False).value == pytest.approx(1e-2 / true, rel=0.02)


def test_a_rate_beyond_the_cores_changes_the_choice() -> None:
    """With 50 ms a question, two cores answer 40 a second."""
    found = flip(Rule(run(store("a/raw", {ROLLUP: 0.05})), BUSY), "rate", up=True)
    assert found.high is not None
    assert 39.0 < found.value < 40.0 < found.high < 41.0
    assert found.chosen == []


def test_a_rival_that_would_not_serve_changes_nothing() -> None:
    """The rival would be cheaper from 5 questions a second on, but was only tried with 3."""
    slow = store("a/tuned", {ROLLUP: 0.2}, memory=2 * GB)
    tried = {"under_load": {ROLLUP: loops(loop(3, {ROLLUP: 20}))}}
    needs = changed(BUSY, {"memory_gb_month": 0.05 * SECONDS / 3600})
    for fast, named in (
        (store("a/raw", {ROLLUP: 0.1}, memory=12 * GB), ["a/raw"]),
        (store("a/raw", {ROLLUP: 0.1}, memory=12 * GB, **tried), []),
    ):
        rule = Rule(run(fast, slow), needs)
        assert rule.choose().chosen == ["a/tuned"]
        assert flip(rule, "rate", up=True).chosen == named


def test_a_cheaper_store_that_is_asked_too_much_serves_below_a_rate() -> None:
    """The cheaper store sustained 10 questions a second, the other one 40."""
    cheap = store("a/day", {ROLLUP: 0.01}, under_load={ROLLUP: loops(loop(10, {ROLLUP: 20}), Loop(12.0))})
    dear = store("a/raw", {ROLLUP: 0.02}, under_load={ROLLUP: loops(loop(40, {ROLLUP: 20}))})
    rule = Rule(run(cheap, dear), changed(BUSY, {"rate": 20.0}))
    assert rule.choose().chosen == ["a/raw"]
    found = flip(rule, "rate", up=False)
    assert (found.value, found.high, found.chosen) == (10.0, 12.0, ["a/day"])


def test_equally_cheap_stores_share_the_draws() -> None:
    decided = decide(run(store("a/raw", {ROLLUP: 0.01}), store("a/tuned", {ROLLUP: 0.5})), cpu_hour=0.0)
    assert [offer.cheapest for offer in decided.offers] == [0.5, 0.5]
    assert sorted(decided.chosen) == ["a/raw", "a/tuned"]


def test_new_events_need_cores_too() -> None:
    """A microsecond an event: 2e11 events a day keep 2.3 cores busy."""
    decided = decide(run(store("a/raw", {ROLLUP: 0.01})), events_a_day=2e11)
    assert decided.answer == "neither"
    assert "of 2 cores" in decided.failing[0].why


def test_responses_that_are_slow_together_count_as_one() -> None:
    buckets = {ROLLUP: {60: 940, 80: 60}}
    alone, together = (Loop(1.0, buckets, number).p95([ROLLUP])[1] for number in (1.0, 20.0))
    assert alone < together == np.inf


def test_the_slowest_of_loops_at_the_lowest_sufficient_rate_counts() -> None:
    found = loops(loop(2, {ROLLUP: 10}), Loop(2.0), loop(8, {ROLLUP: 10}))
    assert found.p95([ROLLUP], 1.5) == (np.inf, np.inf)
    assert found.p95([ROLLUP], 3.0)[1] < 0.011


def test_a_price_that_all_stores_pay_alike_changes_no_choice() -> None:
    """Each store is one system; differences of rounding between their prices are none."""
    stores = [store(f"a/{number}", {ROLLUP: 0.01 * 1.1**number}) for number in range(6)]
    rule = Rule(run(*stores), changed(BUSY, {"rate": 0.0123, "cpu_hour": 0.00456}))
    assert [one.value for one in flips(rule, rule.choose()) if one.need == "system_month"] == []


def test_a_weight_changes_the_choice() -> None:
    """A store saves 30 ms at one question and loses 10 ms at the other: equal if that is asked three times as often."""
    one, two = store("a/raw", {ROLLUP: 0.01, COHORT: 0.05}), store("a/tuned", {ROLLUP: 0.04, COHORT: 0.04})
    found = flip(Rule(run(one, two), BUSY), COHORT, up=True)
    assert found.value == pytest.approx(3.0, rel=0.1)
    assert found.chosen == ["a/tuned"]


def test_bounds_of_needs_change_the_choice() -> None:
    """The cheaper store has 3 GB on disk and a p95 of 60 ms, the dearer one 1 GB and 20 ms."""
    large = store("a/raw", {ROLLUP: 0.01}, bytes=3 * GB, under_load={ROLLUP: loops(loop(2, {ROLLUP: 60}))})
    small = store("a/day", {ROLLUP: 0.02}, bytes=GB, under_load={ROLLUP: loops(loop(2, {ROLLUP: 20}))})
    free = Rule(run(large, small), BUSY)
    assert (flip(free, "disk_gb", up=False).value, flip(free, "disk_gb", up=False).chosen) == (3.0, ["a/day"])
    assert flip(free, "p95_ms", up=False).value == pytest.approx(60, rel=0.05)
    assert flip(free, "p95_ms", up=False).chosen == ["a/day"]
    tight = Rule(run(large, small), changed(BUSY, {"p95_ms": 30.0}))
    assert tight.choose().chosen == ["a/day"]
    assert flip(tight, "p95_ms", up=True).value == pytest.approx(60, rel=0.05)
    assert flip(tight, "p95_ms", up=True).chosen == ["a/raw"]


def test_the_p95_of_a_faster_schedule_is_no_lower_bound_at_the_needed_rate() -> None:
    """At 5 a second nothing was tried: the p95 is at most that at 100 a second, and may be far below."""
    found = loops(loop(100, {COHORT: 60}), loop(200, {COHORT: 90}))
    stores = [store("a/raw", {COHORT: 0.01}, under_load={COHORT: found}), store("b/raw", {COHORT: 0.1})]
    rule = Rule(run(*stores), changed(BUSY, {"p95_ms": 80.0, "rate": 5.0}))
    tight = flip(rule, "p95_ms", up=False)
    assert tight.low is None
    assert tight.value == tight.high == pytest.approx(60, rel=0.06)
    at_once = Rule(run(*stores), changed(BUSY, {"p95_ms": 80.0, "rate": 100.0}))
    assert flip(at_once, "p95_ms", up=False).low == pytest.approx(60, rel=0.06)


def test_any_unforeseen_question_changes_the_choice_of_a_store_that_cannot_answer_it() -> None:
    tuned = store("a/tuned", {COHORT: 0.001})
    raw = store("b/raw", {COHORT: 0.1}, raw="b/raw")
    found = flip(Rule(run(tuned, raw), BUSY), "unforeseen", up=True)
    assert (found.value, found.chosen) == (0.0, ["a/tuned and b/raw"])
    assert flip_text(found).startswith("share of unforeseen questions above 0, now 0: ")


def test_a_load_that_was_not_measured_is_not_said_to_take_no_time() -> None:
    decided = decide(run(store("a/raw", {COHORT: 0.01}, load=None)))
    assert decided.offers[0].load_seconds is None
    assert "its load was not measured" in described(decided.offers[0], decided.offers[0], 1.0)


def test_a_single_client_is_called_slow_only_if_its_p95_is_known_to_be() -> None:
    """Of 100 answers, 8 are slow: the 95th is slow, but the p95 may still be that of the others."""

    def of(slow: int) -> UnderLoad | None:
        service = histograms.encode([*[1_000] * (100 - slow), *[200_000] * slow])
        line = ClosedLoop(
            arm="a/raw",
            question="m",
            cache="hot",
            clients=1,
            seconds=5.0,
            right=100,
            wrong=0,
            failed=0,
            service=service,
            spent=Spent(5.0, 1.0),
        )
        return under_load(Run(HEADER, [line]), Mix(name="m", weights={"q": 1}), "a/raw")

    found = [of(slow) for slow in (8, 15)]
    assert [one.slow for one in found if one] == [False, True]

"""Refusals: needs outside of what was measured, each with the command that measures it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from math import ceil

import msgspec

from rollup_bench.harness.choose.evidence import LEAST_LAUNCHES, Evidence
from rollup_bench.harness.choose.needs import DAYS_A_YEAR, Needs
from rollup_bench.harness.records.lines import parts
from rollup_bench.workloads.layouts import RAW, STORED, TUNED

GENERATED_YEARS = 10  # the span of generated events, whatever their number
ALIKE = 1.25  # sizes that differ by no more than this factor are taken for the same
SIZES, REACH = 3, 10  # from so many sizes, a choice is extrapolated to so many times the largest

GLANCES = 5  # questions within the needed seconds, since freshness is known to two gaps between questions
SLOW = 100  # events a second if the needs do not say how many come


class Refusal(msgspec.Struct, frozen=True):
    """Why a choice, or a candidate, is refused; `command` measures what is missing, and is empty if none does."""

    what: str
    why: str
    command: str


def refusals(evidence: Evidence, needs: Needs, ask: Mapping[str, float]) -> Iterator[Refusal]:
    """Yields the needs for which no store was measured."""
    measured = _engines(evidence)
    if missing := [name for name in needs.engines if name not in measured]:
        why = f"{', '.join(missing)} was not measured, only {', '.join(measured)}"
        yield Refusal("engines", why, measuring(evidence, engines=missing))
    nodes = {name: evidence.nodes.get(name, 1) for name in measured if not needs.engines or name in needs.engines}
    for number in dict.fromkeys(one for one in nodes.values() if one != needs.nodes):
        others = [name for name, one in nodes.items() if one == number]
        ran = f"{', '.join(others)} ran on {'one machine' if number == 1 else f'{number} machines'}"
        remedy = "name such clusters in the environment, or leave these engines out by --engines"
        why = f"{ran}, you need {needs.nodes} for each store; {remedy}"
        yield Refusal("machines", why, measuring(evidence, engines=others, more=["--via", "external"]))
    if needs.years is not None:
        yield from _size(evidence, needs, needs.years)
    if needs.error is not None:
        for name in [name for name in ask if evidence.errors.get(name, 0.0) > needs.error]:
            why = f"{name} was asked with an error of {evidence.errors[name]:g}, you tolerate {needs.error:g}"
            remedy = f"{why}; lower it in a copy of the dataset"
            yield Refusal("tolerated error", remedy, measuring(evidence, questions=[name]))


def _size(evidence: Evidence, needs: Needs, years: float) -> Iterator[Refusal]:
    """Yields the refusals of other spans and numbers of events than those that were measured."""
    rows = needs.rows
    larger = measuring(evidence, more=["--rows", str(round(rows or evidence.rows))])
    if evidence.days is None:
        why = "the file does not say how many days its events span"
        own = ["--dataset", evidence.option] if evidence.option != evidence.dataset else []
        yield Refusal("years kept", why, shlex.join(["rollup-bench", "submit", evidence.name, *own]))
    elif years * DAYS_A_YEAR > ALIKE * evidence.days:
        why = f"the events span {evidence.days / DAYS_A_YEAR:.1f} years, you keep {years:g}"
        if evidence.dataset != evidence.sizable and years <= ALIKE * GENERATED_YEARS:
            yield Refusal("years kept", why, larger)
        else:
            yield Refusal("years kept", f"{why}; describe events of your own", "rollup-bench data describe --help")
    if rows and not 1 / ALIKE <= rows / evidence.rows <= ALIKE:
        why = f"{evidence.rows:,} events were measured, you keep {rows:,.0f}"
        yield Refusal(
            "number of events", f"{why}; runs in {SIZES} sizes are extrapolated to {REACH} times the largest", larger
        )


def measuring(
    evidence: Evidence, engines: Sequence[str] = (), questions: Sequence[str] = (), more: Sequence[str] = ()
) -> str:
    """Returns a command that measures the dataset, or its engines or questions, or a generated one of another size."""
    dataset = evidence.sizable if "--rows" in more else evidence.option
    layouts = dict.fromkeys(parts(store.arm)[1] for store in evidence.stores)
    known = [name for name in layouts if dataset == evidence.option or name in STORED]
    words = ["--engines", ",".join(engines or _engines(evidence)), "--layouts", ",".join(known or [RAW])]
    asked = ["--questions", ",".join(questions)] if questions else []
    rows = ["--rows", str(evidence.rows)] if "--rows" not in more and dataset == evidence.sizable else []
    words = ["rollup-bench", "run", "--dataset", dataset, *words, *asked, *rows, *more, "--profile", "standard"]
    return shlex.join(words)


def following(evidence: Evidence, needs: Needs, rate: float, engines: Sequence[str]) -> str:
    """Returns a command that measures how fresh the answers of engines are at the needed rate of events.

    Questions are asked often enough to tell the needed seconds.
    """
    layouts = dict.fromkeys(name for store in evidence.stores if (name := parts(store.arm)[1]) != TUNED)
    words = ["--dataset", evidence.option, "--engines", ",".join(engines), "--layouts", ",".join(layouts or [RAW])]
    through = ["--broker", needs.broker] if needs.broker else []
    asks = max(needs.rate, GLANCES / (needs.fresh_seconds or GLANCES))
    rates = ["--rate", str(ceil(max(rate, SLOW))), "--asks", str(ceil(asks)), "--launches", str(LEAST_LAUNCHES)]
    return shlex.join(["rollup-bench", "follow", *words, *through, *rates])


def _engines(evidence: Evidence) -> list[str]:
    return list(dict.fromkeys(parts(store.arm)[0] for store in evidence.stores))

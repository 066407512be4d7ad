"""Random questions over the tables that engines plan for a dataset's questions, in the layout `tuned`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from rollup_bench.engines import rollups
from rollup_bench.engines.contract import Engine, Plan, Session, Where
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, ordered, packed
from rollup_bench.workloads import dataset, layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Grain, Span
from rollup_bench.workloads.templates import Template

DATASET = """
title = "Random events"
[source]
path = "in memory"
[columns]
time = { name = "when" }
subject = "user"
action = "did"
dimensions = ["country", "level", "case"]
measures = ["gold", "huge", "score"]
"""
BODIES = [
    'kind = "aggregate"\ngrain = "day"\nby = ["country"]\nmeasures = ["distinct(user)", "count()", "sum(huge)"]',
    'kind = "aggregate"\nby = ["level"]\nmeasures = ["quantile(score, 0.9)", "mean(gold)"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "month"\nby = ["did"]\nsubtotals = "cube"\n'
    'measures = ["distinct(country)", "max(score)"]',
    'kind = "aggregate"\nby = ["user", "did"]\nmeasures = ["sum(score)", "count()"]\ntop = 3\nwhere = { did = "$did" }',
    'kind = "aggregate"\nmeasures = ["sum(gold)", "max(score)", "count()"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "hour"\nmeasures = ["count()"]\nwhere = { gold = { ge = 0 }, did = "$did" }',
    'kind = "aggregate"\ngrain = "month"\nby = ["country"]\nmeasures = ["distinct(user)", "distinct(did)", "count()"]',
    'kind = "aggregate"\ngrain = "week"\nmeasures = ["distinct(user)", "mean(score)"]\nwhere = { did = "$did" }',
    'kind = "aggregate"\ngrain = "quarter"\nby = ["level"]\nmeasures = ["quantile(gold, 0.5)", "distinct(user)"]',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 5 }',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 9 }\ncumulative = true',
    'kind = "cohort"\ngrain = "day"\nage = { unit = "day", count = 4 }\nmeasure = "sum(gold)"\ncumulative = true',
    'kind = "cohort"\ngrain = "month"\nage = { unit = "month", count = 6 }\nretention = "unbounded"\nrepeat = true',
    'kind = "cohort"\nby = "country"\nage = { unit = "week", count = 6 }\nmeasure = "sum(huge)"\n'
    'birth = { did = "open" }',
    'kind = "cohort"\nby = "level"\nage = { unit = "hour", count = 8, clock = "elapsed" }\nreturns = { did = "buy" }',
    'kind = "cohort"\ngrain = "week"\nage = { unit = "day", count = 1, width = "$width", clock = "elapsed" }\n'
    "repeat = true",
    'kind = "cohort"\ngrain = "month"\nage = { unit = "week", count = 5 }\nmeasure = "sum(gold)"\n'
    'birth = { score = { ge = "$limit" } }\nreturns = { score = { lt = "$limit" }, did = "buy" }',
    'kind = "aggregate"\nby = ["level"]\nmeasures = ["count()", "max(score)"]\nwhere = { gold = { gt = "$whole" } }',
    'kind = "funnel"\nsteps = [{ did = "open" }, {}, { country = { null = false } }]\n'
    'window = "$window"\nby = ["level"]',
    'kind = "funnel"\nsteps = [{ gold = { le = "$whole" } }, { gold = { ge = 1 } }]\nwindow = 8_000_000\nby = ["did"]',
    'kind = "aggregate"\ngrain = "month"\nmeasures = ["distinct(gold)", "quantile(gold, 0.5)", "distinct(user)"]',
]
PARAMETERS = {"did": "buy", "width": 30, "limit": 0.5, "whole": 1, "window": 100_000}
"""The parameters other than dates and their defaults."""


@dataclass(repr=False)
class Asked:
    """The dataset's tuned layout, loaded, with an open session."""

    subject: EngineUnderTest
    dataset: Dataset
    events: Events
    plan: Plan
    session: Session

    def check(self, request: "Request") -> None:
        """Asks a random question, and compares the answer with the truth."""
        number, ends, days, others = request
        template = self.dataset.questions[f"q{number}"]
        start, end = map(_moment, sorted(ends or (-50_000, 22_000)))
        values = others | {"start": start, "end": end, "until": end + timedelta(days=days)}
        question = template.fill({n: v for n, v in values.items() if n in template.parameters})
        self.subject.check(self.session, self.plan, self.events, question)


@contextmanager
def loaded(engine: Engine, home: Path, order: bool = False) -> Iterator[Asked]:
    """The dataset's tuned layout on an embedded engine, whose roll-ups may have a row for each event."""
    dataset, events = read(home, order), ordered() if order else packed()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rollups, "MIN_EVENTS_PER_VALUE", 1)
        plan = engine.plan(dataset, layouts.tuned, events.statistics)
    subject = EngineUnderTest(engine, home, 0)
    engine.load(plan, events, subject.watch())
    with engine.session(plan) as session:
        yield Asked(subject, dataset, events, plan, session)


def check_kinds(asked: Asked) -> None:
    """Asserts that every kind of table is read."""
    supports = [asked.subject.engine.support(t.fill(), asked.plan) for t in asked.dataset.questions.values()]
    kinds = {name.rstrip("0123456789") for support in supports for name in support.tables}
    assert kinds == {"rollup", "cohort", "funnel", "events"}


def check_cut_weeks(asked: Asked) -> Template:
    """Asserts that a span that cuts weeks reads a roll-up and events; returns the question."""
    weekly = asked.dataset.questions["q7"]
    cut = weekly.fill({"start": date(1999, 1, 6), "end": date(2003, 1, 9)})
    rollup, events = asked.subject.engine.support(cut, asked.plan).tables
    assert (rollup.rstrip("0123456789"), events) == ("rollup", "events")
    asked.subject.check(asked.session, asked.plan, asked.events, cut)
    return weekly


def check_exact_states(engine: Engine, home: Path, name: str) -> None:
    """Asserts that a declared roll-up of this name merges the states of exact distinct counts and exact quantiles."""
    measures = tuple(map(parse, ("distinct(user)", "quantile(huge, 0.5)", "quantile(score, 0.5, error=0.02)")))
    layout = Layout(name, Grain.DAY, "UTC", ("case",), measures)
    asked = (*measures, parse("quantile(huge, 0.9)"), parse("quantile(score, 0.1, error=0.02)"))
    span = Span(datetime(1960, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    events, subject = packed(), EngineUnderTest(engine, home, 0)
    plan = engine.plan(RANDOM, layout, events.statistics)
    engine.drop(plan)
    engine.load(plan, events, subject.watch())
    with engine.session(plan) as session:
        for grain in (Grain.DAY, Grain.YEAR, Grain.ALL):
            for by in ((), ("case",)):
                question = Aggregate(span, asked, grain, by=by)
                assert engine.support(question, plan).where is Where.INGEST
                subject.check(session, plan, events, question)
    assert len(subject.answered) == 6
    engine.drop(plan)
    assert engine.rows(plan) is None


Request = tuple[int, list[int] | None, int, dict[str, Any]]
"""The number of a question, the half days since 1999 at which its span ends, the days after it, other parameters."""
REQUESTS: st.SearchStrategy[Request] = st.tuples(
    st.integers(0, len(BODIES) - 1),
    st.none() | st.lists(st.integers(-10, 12_000), min_size=2, max_size=2, unique=True),
    st.sampled_from([0, 1, 40, 800, 20_000]),
    st.fixed_dictionaries(
        {
            "did": st.sampled_from(["open", "buy", "nothing"]),
            "width": st.integers(1, 500),
            "limit": st.sampled_from([-1.0, -0.0, 0.0, 100.5]),
            "whole": st.sampled_from([-(2**63), -5, 0, 7, 2**63 - 1]),
            "window": st.sampled_from([1, 90_000, 10**9]),
        }
    ),
)


def read(folder: Path, order: bool = False) -> Dataset:
    """The dataset with its questions, each in a zone of its own; its file is written to the folder."""
    file = folder / "random.toml"
    file.write_text(_written(order), "utf-8")
    return dataset.parse(file)


def _written(order: bool) -> str:
    """The dataset with its questions, each in a zone of its own."""
    text = DATASET + ('order = "place"\n' if order else "")
    for number, body in enumerate(BODIES):
        zone = strategies.ZONES[number % len(strategies.ZONES)]
        text += f'[[questions]]\nname = "q{number}"\nzone = "{zone}"\n{body}\n'
        text += 'until = "$until"\n' if "cohort" in body else ""
        text += "[questions.parameters]\nstart = 1950-01-01\nend = 2030-01-01\n"
        text += "until = 2031-01-01\n" if "cohort" in body else ""
        text += "".join(f"{name} = {value!r}\n" for name, value in PARAMETERS.items() if f"${name}" in body)
    return text


def _moment(half_days: int) -> datetime:
    """Local midnights and noons, since 1999."""
    return datetime(1999, 1, 1) + timedelta(hours=12 * half_days)

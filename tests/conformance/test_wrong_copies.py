"""The kit is checked: a copy of an engine that is wrong in one way fails the check for it, in the right words."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from msgspec.structs import replace
from rich.console import Console

from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, unsupported
from rollup_bench.engines.registry import engine_type
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import checks, report, scripted_events
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.harness.report import kit
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Question
from tests.conftest import BUDGET, SERVERS
from tests.support.sqlite import SQLITE


class Flaw(NamedTuple):
    """How a copy differs from its engine, the check that must fail, and what the report must say then."""

    makes: Callable[[type[Engine]], dict[str, Any]]
    check: checks.Check
    said: str


class Altered(Session):
    """A session that answers otherwise."""

    def __init__(self, right: Session) -> None:
        self.right = right
        self.seen: set[Question] = set()
        self.failed = False

    def ask(self, question: Question) -> pa.Table:
        return self.right.ask(question)


class WithoutNull(Altered):
    """No rows of NULL."""

    def ask(self, question: Question) -> pa.Table:
        answer = self.right.ask(question)
        return answer.filter(answer["country"].is_valid()) if "country" in answer.column_names else answer


class CountingNull(Altered):
    """NULL is a distinct value."""

    def ask(self, question: Question) -> pa.Table:
        answer = self.right.ask(question)
        for place, name in enumerate(answer.column_names):
            if name.startswith("distinct("):
                answer = answer.set_column(place, answer.schema.field(place), pc.add(answer[name], 1))
        return answer


class PastTheValue(Altered):
    """A quantile is the value that comes after its fraction."""

    def ask(self, question: Question) -> pa.Table:
        answer = self.right.ask(question)
        if not isinstance(question, Aggregate) or not any(one.at for one in question.measures):
            return answer
        later = tuple(replace(one, at=one.at + 0.001) if one.at else one for one in question.measures)
        return self.right.ask(replace(question, measures=later)).rename_columns(answer.column_names)


class BrokenByErrors(Altered):
    """The answer after an error begins with rows of the request that failed."""

    def ask(self, question: Question) -> pa.Table:
        try:
            answer = self.right.ask(question)
        except Exception:
            self.failed = True
            raise
        left = answer.slice(0, 1 if self.failed else 0)
        self.failed = False
        return pa.concat_tables([left, answer])


class RightTheSecondTime(Altered):
    """The first answer to a question lacks a row."""

    def ask(self, question: Question) -> pa.Table:
        answer = self.right.ask(question)
        first = question not in self.seen
        self.seen.add(question)
        return answer.slice(1) if first else answer


def answers(altered: type[Altered]) -> Callable[[type[Engine]], dict[str, Any]]:
    """An engine whose sessions are such."""

    def makes(right: type[Engine]) -> dict[str, Any]:
        @contextmanager
        def session(self: Engine, plan: Plan) -> Iterator[Session]:
            with right.session(self, plan) as opened:
                yield altered(opened)

        return {"session": session}

    return makes


def says(said: Support) -> Callable[[type[Engine]], dict[str, Any]]:
    """Support is always the same, whatever the sessions do."""

    def makes(right: type[Engine]) -> dict[str, Any]:
        def support(self: Engine, question: Question, plan: Plan) -> Support:
            return said

        @contextmanager
        def session(self: Engine, plan: Plan) -> Iterator[Session]:
            with closing(right(self.server, self.home, self.budget)) as engine, engine.session(plan) as opened:
                yield opened

        return {"support": support, "session": session}

    return makes


def keeps_what_is_dropped(right: type[Engine]) -> dict[str, Any]:
    kept: list[Plan] = []

    def drop(self: Engine, plan: Plan) -> None:
        if self.rows(plan) == 1:
            kept.append(plan)
        else:
            right.drop(self, plan)

    def close(self: Engine) -> None:
        for plan in kept:
            right.drop(self, plan)
        right.close(self)

    return {"drop": drop, "close": close}


def trusts_a_part(right: type[Engine]) -> dict[str, Any]:
    def load(self: Engine, plan: Plan, events: Events, watch: Watch) -> Loaded:
        with suppress(Exception):
            return right.load(self, plan, events, watch)
        return Loaded(events.statistics.rows, 0.1, 0)

    return {"load": load}


def takes_more(right: type[Engine]) -> dict[str, Any]:
    def rows(self: Engine, plan: Plan, exactly: bool = True) -> int | None:
        return right.rows(self, plan)

    return {"rows": rows}


def keeps_events_as_they_are(right: type[Engine]) -> dict[str, Any]:
    """A roll-up that is none: raw events, whatever the layout."""

    def plan(self: Engine, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        return dataclasses.replace(right.plan(self, dataset, layouts.raw, statistics), layout=layout)

    def raw(name: str) -> Callable[..., Any]:
        def method(self: Engine, *given: Any) -> Any:
            return getattr(right, name)(
                self, *(dataclasses.replace(one, layout=layouts.raw) if isinstance(one, Plan) else one for one in given)
            )

        return method

    return {"plan": plan} | {name: raw(name) for name in ("support", "explain", "load", "rows", "drop", "session")}


def fails(error: Exception) -> Callable[[type[Engine]], dict[str, Any]]:
    """An engine that cannot count its rows."""

    def rows(self: Engine, plan: Plan) -> int | None:
        raise error

    return lambda right: {"rows": rows}


def names(*tables: str) -> Callable[[type[Engine]], dict[str, Any]]:
    """Support always names these tables."""

    def makes(right: type[Engine]) -> dict[str, Any]:
        def support(self: Engine, question: Question, plan: Plan) -> Support:
            return dataclasses.replace(right.support(self, question, plan), tables=tables)

        return {"support": support}

    return makes


def explains_nothing(right: type[Engine]) -> dict[str, Any]:
    return {"explain": lambda self, question, plan: None}


class NoTable(Altered):
    """Rows instead of a table."""

    def ask(self, question: Question) -> pa.Table:
        return self.right.ask(question).to_pylist()


class Unnamed(Altered):
    """An error that the contract does not name."""

    def ask(self, question: Question) -> pa.Table:
        raise KeyError("no such")


DROPS_NULL = Flaw(answers(WithoutNull), checks.nulls, "country=None) is missing")
FLAWS = {
    "it drops NULL": DROPS_NULL,
    "it counts NULL as a distinct value": Flaw(answers(CountingNull), checks.nulls, "; the truth is 3"),
    "an error spoils the next answer": Flaw(answers(BrokenByErrors), checks.after_errors, "wrong: the answer has"),
    "it answers right the second time": Flaw(
        answers(RightTheSecondTime),
        checks.random_questions,
        "the engine gave different answers to the same question; the first was wrong: wrong: the answer has",
    ),
    "it denies what it answers": Flaw(
        says(unsupported("too hard for it")),
        checks.nothing,
        "support refuses with `too hard for it`, but the engine answers",
    ),
    "it claims what it refuses": Flaw(
        says(Support(Where.SERVER, tables=("FROM",))),  # a word that every statement shows
        checks.random_roll_ups,
        "RequestError: ",
    ),
    "it keeps what is dropped": Flaw(keeps_what_is_dropped, checks.dropped, "rows are left after drop"),
    "it trusts a part": Flaw(trusts_a_part, checks.cut_off, "a load succeeded although reading its events failed"),
    "it keeps events as they are": Flaw(
        keeps_events_as_they_are, checks.random_roll_ups, "the engine answers a question that it must refuse"
    ),
    "it asserts without a word": Flaw(fails(AssertionError()), checks.dropped, "AssertionError ("),
    "it fails with what would be markup": Flaw(
        fails(FailureError("near [select] at [/b]")), checks.dropped, "near [select] at [/b]"
    ),
    "it explains nothing": Flaw(explains_nothing, checks.counts, "explain returns a NoneType"),
    "it names no table": Flaw(names(), checks.counts, "support names no table"),
    "it names a table that it does not read": Flaw(
        names("events", "event"), checks.counts, "support names event, which explain does not show"
    ),
    "it answers without a table": Flaw(answers(NoTable), checks.counts, "ask returns a list"),
    "it raises what the contract does not name": Flaw(
        answers(Unnamed), checks.counts, "KeyError: 'no such' (conformance/test_wrong_copies.py:"
    ),
    "it takes more than the contract says": Flaw(takes_more, checks.signatures, "rows takes self, plan, exactly"),
}
PASSES_THE_VALUE = Flaw(answers(PastTheValue), checks.quantiles, "quantile(gold, 0.5) of ")
CASES = {
    **{f"{engine}: {name}": (engine, flaw) for engine in ("sqlite", "duckdb") for name, flaw in FLAWS.items()},
    "duckdb: it passes the value of a quantile": ("duckdb", PASSES_THE_VALUE),
    "cassandra: it drops NULL": ("cassandra", DROPS_NULL),
    "druid: it drops NULL": ("druid", DROPS_NULL),
}


def engine(name: str, home: Path, request: pytest.FixtureRequest) -> Engine:
    if name == "sqlite":
        return SQLITE(None, home, BUDGET)
    fixture = SERVERS[name]
    return engine_type(name)(request.getfixturevalue(fixture) if fixture else None, home, BUDGET)


@pytest.mark.parametrize(("name", "flaw"), CASES.values(), ids=list(CASES))
def test_a_wrong_copy_fails_in_the_right_words(
    name: str, flaw: Flaw, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    right = engine(name, tmp_path, request)
    kind = type(right)
    with closing(right), closing(type("Wrong", (kind,), flaw.makes(kind))(right.server, tmp_path, BUDGET)) as copy:
        shown = report.verified(EngineUnderTest(copy, tmp_path, examples=50), [flaw.check])
    words = StringIO()
    kit.show(shown, Console(file=words, width=1000))
    assert [one.ended for one in shown.outcomes] == ["failed"]
    assert flaw.said in words.getvalue()
    assert "and 0 more" not in words.getvalue()


def test_each_script_of_events_has_a_check() -> None:
    assert {check.__name__ for check in checks.ALL} > {script.__name__ for script in scripted_events.SCRIPTS}

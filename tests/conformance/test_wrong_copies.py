"""The kit is checked: a copy of each engine that is wrong in one way fails the check for it, in the right words."""

import runpy
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from conftest import BUDGET, SERVERS
from rich.console import Console

from engines.contract import Engine, Loaded, Plan, Session, Support, Where, unsupported
from engines.registry import engine_type
from engines.watch import Watch
from harness.conformance import checks, report
from harness.conformance.subject import Subject
from workloads import layouts
from workloads.dataset import Dataset
from workloads.errors import FailureError
from workloads.events import Events, Shape
from workloads.layouts import Layout
from workloads.questions import Question

EXAMPLE = Path(__file__).parents[1] / "examples" / "sqlite" / "engine.py"


class Flaw(NamedTuple):
    """What a copy does otherwise, the check that finds it, and what is said then."""

    makes: Callable[[type[Engine]], dict[str, Any]]
    check: checks.Check
    said: str


class Altered(Session):
    """A session without the rows of NULL."""

    def __init__(self, right: Session) -> None:
        self._right = right

    def ask(self, question: Question) -> pa.Table:
        answer = self._right.ask(question)
        return answer.filter(answer["country"].is_valid()) if "country" in answer.column_names else answer


def drops_null(right: type[Engine]) -> dict[str, Any]:
    @contextmanager
    def session(self: Engine, plan: Plan) -> Iterator[Session]:
        with right.session(self, plan) as opened:
            yield Altered(opened)

    return {"session": session}


def says(said: Support) -> Callable[[type[Engine]], dict[str, Any]]:
    """Always that, whatever its sessions then do."""

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
        return Loaded(events.shape.rows, 0.1, 0)

    return {"load": load}


def takes_more(right: type[Engine]) -> dict[str, Any]:
    def rows(self: Engine, plan: Plan, exactly: bool = True) -> int | None:
        return right.rows(self, plan)

    return {"rows": rows}


def keeps_events_as_they_are(right: type[Engine]) -> dict[str, Any]:
    """A roll-up that is none: raw events, whatever the layout."""

    def plan(self: Engine, dataset: Dataset, layout: Layout, shape: Shape) -> Plan:
        return replace(right.plan(self, dataset, layouts.raw, shape), layout=layout)

    def raw(name: str) -> Callable[..., Any]:
        def method(self: Engine, *given: Any) -> Any:
            return getattr(right, name)(
                self, *(replace(one, layout=layouts.raw) if isinstance(one, Plan) else one for one in given)
            )

        return method

    return {"plan": plan} | {name: raw(name) for name in ("support", "explain", "load", "rows", "drop", "session")}


def asserts(right: type[Engine]) -> dict[str, Any]:
    """An error without a word."""

    def rows(self: Engine, plan: Plan) -> int | None:
        raise AssertionError

    return {"rows": rows}


def fails_in_brackets(right: type[Engine]) -> dict[str, Any]:
    """An error that would be markup."""

    def rows(self: Engine, plan: Plan) -> int | None:
        raise FailureError("near [select] at [/b]")

    return {"rows": rows}


FLAWS = {
    "it drops NULL": Flaw(drops_null, checks.nulls, "country=None) is missing"),
    "it denies what it answers": Flaw(
        says(unsupported("too hard for it")), checks.nothing, "support says `too hard for it`, yet it answers"
    ),
    "it claims what it refuses": Flaw(says(Support(Where.SERVER)), checks.random_roll_ups, "RequestError: "),
    "it keeps what is dropped": Flaw(keeps_what_is_dropped, checks.dropped, "rows are left after drop"),
    "it trusts a part": Flaw(trusts_a_part, checks.cut_off, "a load ended well though its events did not"),
    "it keeps events as they are": Flaw(keeps_events_as_they_are, checks.random_roll_ups, "it answers, though"),
    "it asserts without a word": Flaw(asserts, checks.dropped, "AssertionError ("),
    "it fails in brackets": Flaw(fails_in_brackets, checks.dropped, "near [select] at [/b]"),
    "it takes more than the contract says": Flaw(takes_more, checks.signatures, "rows takes self, plan, exactly"),
}


@pytest.fixture(params=[*SERVERS, "sqlite"])
def right(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return runpy.run_path(str(EXAMPLE))["SQLite"](None, tmp_path, BUDGET)  # type: ignore[no-any-return]
    fixture = SERVERS[request.param]
    server = request.getfixturevalue(fixture) if fixture else None
    return engine_type(request.param)(server, tmp_path, BUDGET)


@pytest.mark.parametrize("flaw", FLAWS.values(), ids=list(FLAWS))
def test_a_wrong_copy_fails_in_the_right_words(right: Engine, flaw: Flaw, tmp_path: Path) -> None:
    kind = type(right)
    with closing(type("Wrong", (kind,), flaw.makes(kind))(right.server, tmp_path, BUDGET)) as copy:
        shown = report.verified(Subject(copy, tmp_path, examples=50), [flaw.check])
    words = StringIO()
    report.show(shown, Console(file=words, width=1000))
    assert [one.ended for one in shown.outcomes] == ["failed"]
    assert flaw.said in words.getvalue()

"""The tables that engines store for `tuned` beside the events, and the choice of the one that answers a question."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, Protocol, TypeVar

from rollup_bench.engines.cohorts import StoredActivity, stored_activities
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.cut_spans import Reason, over, whole_buckets, with_ends
from rollup_bench.engines.funnels import StoredFunnel, stored_funnels
from rollup_bench.engines.rollups import Rollup, rollups
from rollup_bench.errors import RequestError
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Cohort, Funnel, Question, Span

EVENTS = "events"
"""The name of the table of all events."""


class StoredRollup(Protocol):
    """What an engine knows of a roll-up that it stores."""

    @property
    def rollup(self) -> Rollup:
        """The roll-up."""


R = TypeVar("R", bound=StoredRollup)


@dataclass(frozen=True)
class TableSet(Generic[R]):
    """The tables of a plan: perhaps all events, roll-ups by name (the smallest first), activity, entries of funnels."""

    events: bool
    rollups: dict[str, R] = field(default_factory=dict)
    cohorts: tuple[StoredActivity, ...] = ()
    funnels: tuple[StoredFunnel, ...] = ()


def table_set(
    dataset: Dataset, layout: Layout, statistics: Statistics, stored: Callable[[Rollup], R], reason: Reason
) -> TableSet[R]:
    """What the tables of a layout store; `reason` returns why a roll-up of `tuned` does not answer a question.

    `tuned` has the events, a roll-up for each aggregate that one serves well, the activity of subjects for each cohort,
    and the entries of each funnel.
    """
    if layout == layouts.raw:
        return TableSet(True)
    if layout != layouts.tuned:
        return TableSet(False, {layout.name: stored(Rollup(layout))})
    templates = dataset.questions.values()
    tuned = rollups(dataset, statistics, with_ends(reason), values=True)
    named = {f"rollup{i}": stored(each) for i, each in enumerate(tuned)}
    return TableSet(True, named, tuple(stored_activities(templates)), tuple(stored_funnels(templates)))


class Source(NamedTuple):
    """The name of a table, and what it stores; None is all events.

    If the span of the question cuts buckets of a roll-up, `whole` is the period of the other buckets, and the events of
    the rest of the span are read too.
    """

    name: str
    table: StoredRollup | StoredActivity | StoredFunnel | None = None
    whole: Span | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tables that are read."""
        return (self.name, EVENTS) if self.whole else (self.name,)


def source(question: Question, plan: Plan, reason: Reason) -> Source:
    """The table that answers a question on a plan; of several roll-ups, the smallest without cut buckets is chosen.

    RequestError if no table can answer. `plan.tables.stored` is the set of tables; `reason` returns why a roll-up of
    `tuned` does not answer a question.
    """
    stored: TableSet[StoredRollup] = plan.tables.stored
    if not stored.events:
        ((name, rollup),) = stored.rollups.items()
        if refusal := rollup.rollup.unsupported_reason(question):
            raise RequestError(refusal)
        return Source(name, rollup)
    return next(_tuned(question, plan, stored, reason), Source(EVENTS))


def _tuned(question: Question, plan: Plan, stored: TableSet[StoredRollup], reason: Reason) -> Iterator[Source]:
    """The tables beside the events that answer a question, the best first."""
    yield from _activity_or_entries(question, plan, stored)
    for name, each in stored.rollups.items():
        if reason(question, each.rollup) is None:
            yield Source(name, each)
    for name, each in stored.rollups.items():
        whole = whole_buckets(question, each.rollup)
        if whole and reason(over(question, whole), each.rollup) is None:
            yield Source(name, each, whole)


def _activity_or_entries(question: Question, plan: Plan, stored: TableSet[StoredRollup]) -> Iterator[Source]:
    """The tables of activity or of entries that answer a cohort or a funnel."""
    for cohort in stored.cohorts:
        if isinstance(question, Cohort) and cohort.answers(question, plan.statistics):
            yield Source(cohort.name, cohort)
    for funnel in stored.funnels:
        if isinstance(question, Funnel) and funnel.answers(question):
            yield Source(funnel.name, funnel)

"""The datasources of a layout; `tuned` has a roll-up for each question that one serves well, and tables of cohorts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rollup_bench.engines.cohorts import stored_activities
from rollup_bench.engines.druid.cohort_tables import CohortTable
from rollup_bench.engines.druid.datasource import SKETCHED, Datasource
from rollup_bench.workloads import layouts, rule
from rollup_bench.workloads.calendar import CLOCK
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain
from rollup_bench.workloads.templates import Template

EVENTS = "events"
"""The name of the datasource of raw events."""
COUNT = Measure(Function.COUNT)
MIN_EVENTS_PER_VALUE = 100
"""A roll-up has no dimension with fewer events for each value: nearly every event would be a row of its own."""
MIN_EVENTS_PER_ROW = 3
"""Roll-ups of several questions are merged if the merged one has surely so many events for each row."""


def datasources(dataset: Dataset, layout: Layout, statistics: Statistics) -> tuple[Datasource | CohortTable, ...]:
    """The datasources of a layout in the order in which a question tries them; raw events are the last of `tuned`."""
    asked = asked_dimensions(dataset)
    raw = Datasource(EVENTS, layouts.raw, statistics, dataset.columns.time.name, dataset.columns.subject, asked)
    if layout == layouts.raw:
        return (raw,)
    if layout.name != layouts.TUNED:
        return (replace(raw, name="rollup", layout=layout),)
    activities = stored_activities(template.fill() for template in dataset.questions.values())
    rollups = sorted(_rollups(dataset, raw), key=lambda rollup: rollup.most_rows)
    return (
        *(replace(rollup, name=f"rollup{i}") for i, rollup in enumerate(rollups, 1)),
        *(CohortTable(stored, statistics) for stored in activities),
        raw,
    )


def asked_dimensions(dataset: Dataset) -> tuple[str, ...]:
    """The dimensions that questions filter or group by: those that most questions filter come first."""
    filtered, grouped = Counter[str](), Counter[str]()
    for template in dataset.questions.values():
        match template.fill():
            case Aggregate() as question:
                filtered.update({f.column for f in question.where})
                grouped.update(question.by)
            case Cohort() as question:
                filtered.update({f.column for f in (*question.birth, *question.returns)})
                grouped.update([question.by] if question.by else [])
    used = [name for name in dataset.columns.texts if filtered[name] or grouped[name]]
    return tuple(sorted(used, key=lambda name: (-filtered[name], -grouped[name])))


def events(tables: Sequence[Datasource | CohortTable]) -> list[Datasource | CohortTable]:
    """Those of a plan's datasources that store each event."""
    return [table for table in tables if isinstance(table, Datasource) and table.raw]


def built(tables: Sequence[Datasource | CohortTable]) -> list[Datasource | CohortTable]:
    """Those of a plan's datasources that store something else than each event."""
    return [table for table in tables if table not in events(tables)]


def _rollups(dataset: Dataset, raw: Datasource) -> list[Datasource]:
    """The roll-ups of all questions, merged where one can serve several."""
    rollups: list[Datasource] = []
    for template in dataset.questions.values():
        new = _question_rollup(template, raw)
        if new is None:
            continue
        others: list[Datasource] = []
        for rollup in rollups:
            merged = _merged(rollup, new)
            new, others = (merged, others) if merged else (new, [*others, rollup])
        rollups = [*others, new]
    return rollups


def _question_rollup(template: Template, raw: Datasource) -> Datasource | None:
    """The roll-up for a question: by minute or hour if it asks for these, else by day, of which longer grains are made.

    None if it could not answer the question, or if a dimension has too many values.
    """
    question, statistics = template.fill(), raw.statistics
    if not isinstance(question, Aggregate):
        return None
    flagged = tuple(f for f in question.where if f.column not in statistics.cardinality)
    by = tuple(sorted({*question.by, *(f.column for f in question.where if f not in flagged)}))
    few = all(statistics.cardinality.get(name, 0) * MIN_EVENTS_PER_VALUE <= statistics.rows for name in by)
    if not few or not all(_may_be_flag(f, template, statistics) for f in flagged):
        return None
    grain = question.grain if question.grain in CLOCK else Grain.DAY
    rollup = replace(raw, layout=_layout(grain, question.zone, by, question.measures), flagged=flagged)
    return rollup if rollup.unsupported_reason(question) is None else None


def _may_be_flag(condition: Filter, template: Template, statistics: Statistics) -> bool:
    """Whether a roll-up may store if a condition holds: it is about numbers, and the same in each such question."""
    fixed = "$" not in str(template.body["where"][condition.column])
    numbers = all(isinstance(value, int | float) for value in condition.values)
    return fixed and numbers and statistics.types[condition.column] in ("int64", "double")


def _merged(one: Datasource, other: Datasource) -> Datasource | None:
    """A roll-up that serves as both, if it has few rows more; many sketches of few events each are slow to merge."""
    (a, b), by = (one.layout, other.layout), tuple(sorted({*one.layout.by, *other.layout.by}))
    if (a.grain, a.zone, one.flagged) != (b.grain, b.zone, other.flagged):
        return None
    both = _layout(Grain(a.grain or Grain.DAY), a.zone, by, tuple(dict.fromkeys(a.measures + b.measures)))
    merged = replace(one, layout=both)
    few = merged.most_rows * MIN_EVENTS_PER_ROW <= merged.statistics.rows
    return merged if a.by == b.by or (few and not _has_sketches(both)) else None


def _has_sketches(layout: Layout) -> bool:
    return any(state.part in SKETCHED for state in rule.stored_states(layout))


def _layout(grain: Grain, zone: str, by: tuple[str, ...], measures: tuple[Measure, ...]) -> Layout:
    name = f"tuned {grain} of {', '.join(by) or 'all'}"
    return Layout(name, grain, zone, by, tuple(dict.fromkeys((COUNT, *measures))))

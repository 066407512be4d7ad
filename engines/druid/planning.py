"""The datasources of a layout; for `tuned`, roll-ups worth building for the dataset's questions, and raw events."""

from math import prod

from rollup_bench.engines.druid.datasource import Datasource
from rollup_bench.workloads import layouts
from rollup_bench.workloads.calendar import CLOCK, DAY
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Grain

EVENTS = "events"
"""The name of the datasource of raw events."""
MIN_EVENTS_PER_ROW = 3
"""A roll-up is worth building if there are so many events for each of its rows."""


def datasources(dataset: Dataset, layout: Layout, statistics: Statistics) -> tuple[Datasource, ...]:
    """A layout's datasources in the order in which a question tries them: roll-ups, smallest first, then raw events."""
    time, subject = dataset.columns.time.name, dataset.columns.subject
    if layout.name != layouts.TUNED:
        name = EVENTS if layout == layouts.raw else "rollup"
        return (Datasource(name, layout, statistics, time, subject),)
    rollups = sorted(_rollups(dataset, statistics), key=lambda rollup: _max_groups(rollup, statistics))
    return (
        *(Datasource(f"rollup{i}", rollup, statistics, time, subject) for i, rollup in enumerate(rollups, 1)),
        Datasource(EVENTS, layouts.raw, statistics, time, subject),
    )


def _rollups(dataset: Dataset, statistics: Statistics) -> list[Layout]:
    """The roll-ups worth building for the dataset's aggregates, merged where the merged one is worth building too."""
    rollups: list[Layout] = []
    for template in dataset.questions.values():
        question = template.fill()
        new = _question_rollup(question, dataset, statistics) if isinstance(question, Aggregate) else None
        if new is None:
            continue
        others: list[Layout] = []
        for rollup in rollups:
            merged = _merged(rollup, new, statistics)
            new, others = (merged, others) if merged else (new, [*others, rollup])
        rollups = [*others, new]
    return rollups


def _question_rollup(question: Aggregate, dataset: Dataset, statistics: Statistics) -> Layout | None:
    """The roll-up for a question: by minute or hour if the question is, else by day, which longer grains consist of.

    The result is None if the question's roll-up cannot be stored, cannot answer the question, or is not worth building.
    """
    grain = question.grain if question.grain in CLOCK else Grain.DAY
    by = tuple(sorted({*question.by, *(f.column for f in question.where)}))
    rollup = _layout(grain, question.zone, by, question.measures)
    datasource = Datasource("rollup", rollup, statistics, dataset.columns.time.name, dataset.columns.subject)
    stored = all(name in statistics.cardinality for name in by)
    answers = datasource.unsupported_reason(question) is None
    return rollup if stored and answers and _worth_building(rollup, statistics) else None


def _merged(one: Layout, other: Layout, statistics: Statistics) -> Layout | None:
    """One roll-up for the questions of two others; None if buckets differ or the merged one is not worth building."""
    by = tuple(sorted({*one.by, *other.by}))
    both = _layout(Grain(one.grain or Grain.DAY), one.zone, by, tuple(dict.fromkeys(one.measures + other.measures)))
    same_buckets = (one.grain, one.zone) == (other.grain, other.zone)
    return both if same_buckets and _worth_building(both, statistics) else None


def _layout(grain: Grain, zone: str, by: tuple[str, ...], measures: tuple[Measure, ...]) -> Layout:
    return Layout(f"tuned {grain} of {', '.join(by) or 'all'}", grain, zone, by, measures)


def _worth_building(rollup: Layout, statistics: Statistics) -> bool:
    return _max_groups(rollup, statistics) * MIN_EVENTS_PER_ROW <= statistics.rows


def _max_groups(rollup: Layout, statistics: Statistics) -> int:
    """The most rows that a roll-up can have: each combination of dimension values, with NULL, in each bucket."""
    buckets = (statistics.last - statistics.first) // CLOCK.get(Grain(rollup.grain or Grain.DAY), DAY) + 1
    return buckets * prod(statistics.cardinality[name] + 1 for name in rollup.by)

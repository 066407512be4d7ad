"""What is kept for a layout, and for `tuned` the roll-ups that a dataset's own questions pay for."""

from functools import reduce

from rollup_bench.engines.druid.buckets import DAY, LENGTHS
from rollup_bench.engines.druid.tables import Table
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Grain

WORTH = 3
"""Events that go into a row of a roll-up, at least, for it to be worth its place."""


def tables(dataset: Dataset, layout: Layout, statistics: Statistics) -> tuple[Table, ...]:
    """The datasources of a layout, the one to ask first at the front."""
    time = dataset.columns.time.name
    if layout.name != layouts.TUNED:
        return (Table("", layout, statistics, time),)
    rolled = sorted(_rolled(dataset, statistics), key=lambda kept: _groups(kept, statistics))
    return (
        *(Table(f"_{i}", kept, statistics, time) for i, kept in enumerate(rolled, 1)),
        Table("", layouts.raw, statistics, time),
    )


def _rolled(dataset: Dataset, statistics: Statistics) -> list[Layout]:
    """As few roll-ups as serve the questions that one is worth building for."""
    found: list[Layout] = []
    for template in dataset.questions.values():
        question = template.fill()
        wanted = _wanted(question, dataset, statistics) if isinstance(question, Aggregate) else None
        if wanted is None:
            continue
        apart: list[Layout] = []
        for kept in found:
            both = _both(kept, wanted, statistics)
            wanted, apart = (both, apart) if both else (wanted, [*apart, kept])
        found = [*apart, wanted]
    return found


def _wanted(question: Aggregate, dataset: Dataset, statistics: Statistics) -> Layout | None:
    """The roll-up for a question: by hour or minute where it asks for these, else by day, which all others add up."""
    grain = question.grain if question.grain in LENGTHS else Grain.DAY
    by = tuple(sorted({*question.by, *(f.column for f in question.where)}))
    kept = _named(grain, question.zone, by, question.measures)
    fits = all(name in statistics.cardinality for name in by)
    answered = Table("", kept, statistics, dataset.columns.time.name).obstacle(question) is None
    return kept if fits and answered and _worth(kept, statistics) else None


def _both(one: Layout, other: Layout, statistics: Statistics) -> Layout | None:
    """A roll-up that serves what two do, if it is worth it."""
    by = tuple(sorted({*one.by, *other.by}))
    both = _named(Grain(one.grain or Grain.DAY), one.zone, by, tuple(dict.fromkeys(one.measures + other.measures)))
    return both if _alike(one, other) and _worth(both, statistics) else None


def _alike(one: Layout, other: Layout) -> bool:
    return (one.grain, one.zone) == (other.grain, other.zone)


def _named(grain: Grain, zone: str, by: tuple[str, ...], measures: tuple[Measure, ...]) -> Layout:
    return Layout(f"tuned {grain} of {', '.join(by) or 'all'}", grain, zone, by, measures)


def _worth(kept: Layout, statistics: Statistics) -> bool:
    return _groups(kept, statistics) * WORTH <= statistics.rows


def _groups(kept: Layout, statistics: Statistics) -> float:
    """The rows of a roll-up, at most: every value of a dimension in every bucket."""
    buckets = (statistics.last - statistics.first) // LENGTHS.get(Grain(kept.grain or Grain.DAY), DAY) + 1
    return reduce(lambda product, name: product * (statistics.cardinality[name] + 1), kept.by, float(buckets))

"""Which tables the very questions of a dataset call for."""

from dataclasses import dataclass, replace

import msgspec

from rollup_bench.engines.cassandra import activity
from rollup_bench.engines.cassandra.cohorts import definition
from rollup_bench.engines.cassandra.rollups import whole
from rollup_bench.engines.cassandra.states import State
from rollup_bench.workloads import calendar, rule
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Grain, Span
from rollup_bench.workloads.templates import Template

SPANS = (Grain.DAY, Grain.HOUR, Grain.MINUTE)
"""What a span without buckets is put together from: the longest of these that its ends allow."""
TIMES = ("start", "end", "until")


@dataclass(frozen=True)
class Wanted:
    """A roll-up that questions call for: of the events that match `where`, ordered by `leading` before time."""

    layout: Layout
    where: tuple[Filter, ...]
    leading: tuple[str, ...]

    def with_measures(self, other: "Wanted") -> "Wanted":
        """The same with the other's measures and name too."""
        both = dict.fromkeys((*self.layout.measures, *other.layout.measures))
        name = f"{self.layout.name} and {other.layout.name.removeprefix('for ')}"
        return replace(self, layout=msgspec.structs.replace(self.layout, name=name, measures=tuple(both)))


@dataclass(frozen=True)
class WantedActivity:
    """Rows of subjects and ages that questions call for: with which states, below which age."""

    name: str
    definition: Cohort
    grain: Grain
    adds: tuple[State, ...]
    count: int | None

    def with_question(self, other: "WantedActivity") -> "WantedActivity":
        """What both call for."""
        count = None if None in (self.count, other.count) else max(self.count or 0, other.count or 0)
        adds = tuple(dict.fromkeys((*self.adds, *other.adds)))
        return replace(self, name=f"{self.name} and {other.name.removeprefix('for ')}", adds=adds, count=count)


@dataclass(frozen=True)
class Calls:
    """What questions call for; `events` where one of them can only be computed from the events."""

    rollups: tuple[Wanted, ...]
    activities: tuple[WantedActivity, ...]
    events: bool


def calls(dataset: Dataset, statistics: Statistics) -> Calls:
    """What the questions of a dataset call for."""
    rollups: dict[tuple[object, ...], Wanted] = {}
    activities: dict[tuple[object, ...], WantedActivity] = {}
    events = False
    for template in dataset.questions.values():
        question = template.fill()
        if isinstance(question, Aggregate) and (rollup := _rollup(template, question, dataset, statistics)):
            key = (rollup.layout.grain, rollup.layout.zone, rollup.layout.by, rollup.where, rollup.leading)
            rollups[key] = rollups[key].with_measures(rollup) if key in rollups else rollup
        elif isinstance(question, Cohort) and (activity := _activity(template, question, statistics)):
            who = (activity.definition, activity.grain)
            activities[who] = activities[who].with_question(activity) if who in activities else activity
        else:
            events = True
    return Calls(tuple(rollups.values()), tuple(activities.values()), events)


def _rollup(template: Template, question: Aggregate, dataset: Dataset, statistics: Statistics) -> Wanted | None:
    """The roll-up of a question; None where it varies what no key holds."""
    written = template.body.get("where", {})
    fixed = tuple(f for f in question.where if not _varies(written[f.column]))
    varied = [f for f in question.where if f not in fixed]
    grain = _grain(question.grain, question.span, question.zone, statistics)
    if grain is None or any(f.column not in dataset.columns.texts for f in varied):
        return None
    leading = tuple(dict.fromkeys(f.column for f in varied if f.op in (Op.EQ, Op.IN)))
    by = tuple(dict.fromkeys((*leading, *question.by, *(f.column for f in varied))))
    layout = Layout(f"for {template.name}", grain, question.zone, by, question.measures)
    span = whole(question.span, grain, question.zone, statistics)
    if rule.obstacle(msgspec.structs.replace(question, where=tuple(varied), span=span), layout):
        return None
    return Wanted(layout, fixed, leading)


def _activity(template: Template, question: Cohort, statistics: Statistics) -> WantedActivity | None:
    """The rows of a cohort; None where more of it varies than when subjects are born and until when they are seen."""
    grain = _grain(question.grain or Grain.ALL, question.span, question.zone, statistics)
    if grain is None or _varies({name: part for name, part in template.body.items() if name not in TIMES}):
        return None
    count = None if question.retention == "unbounded" else question.age.count
    return WantedActivity(f"for {template.name}", definition(question), grain, tuple(activity.kept(question)), count)


def _grain(grain: Grain, span: Span, zone: str, statistics: Statistics) -> Grain | None:
    """The longest grain of which the span has whole buckets, or as good as whole: without other events."""
    start, end = span.milliseconds
    cut = [at for at, apart in ((start, start > statistics.first), (end, end <= statistics.last)) if apart]
    tried = [g for g in dict.fromkeys((grain, *SPANS)) if g is not Grain.ALL]
    ends = [start, end] if grain is Grain.ALL else cut
    return next((g for g in tried if all(calendar.begins(at, g, zone) for at in ends)), None)


def _varies(condition: object) -> bool:
    """Whether a parameter stands in what a question file writes."""
    if isinstance(condition, str):
        return condition.startswith("$")
    if isinstance(condition, dict):
        return any(map(_varies, condition.values()))
    return isinstance(condition, list) and any(map(_varies, condition))

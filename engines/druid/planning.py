"""The datasources of a layout; `tuned` has roll-ups, tables of cohorts and tables of funnels for its questions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from rollup_bench.engines.cohorts import stored_activities
from rollup_bench.engines.druid.cohort_tables import CohortTable
from rollup_bench.engines.druid.computed_tables import ComputedTable
from rollup_bench.engines.druid.datasource import Datasource
from rollup_bench.engines.druid.funnel_tables import FunnelTable
from rollup_bench.engines.funnels import stored_funnels
from rollup_bench.engines.rollups import Rollup, rollups
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Aggregate, Cohort, Question

EVENTS = "events"
"""The name of the datasource of raw events."""
Table = Datasource | ComputedTable


def datasources(dataset: Dataset, layout: Layout, statistics: Statistics) -> tuple[Table, ...]:
    """The datasources of a layout in the order in which a question tries them; raw events are the last of `tuned`."""
    asked = asked_dimensions(dataset)
    names, ordered = dataset.columns, bool(dataset.columns.order)
    raw = Datasource(EVENTS, Rollup(layouts.raw), statistics, names.time.name, names.subject, asked, ordered)
    if layout == layouts.raw:
        return (raw,)
    if layout.name != layouts.TUNED:
        return (replace(raw, name="rollup", rollup=Rollup(layout)),)
    templates = dataset.questions.values()

    def reason(question: Question, rollup: Rollup) -> str | None:
        return replace(raw, rollup=rollup).unsupported_reason(question)

    return (
        *(replace(raw, name=f"rollup{i}", rollup=r) for i, r in enumerate(rollups(dataset, statistics, reason), 1)),
        *(CohortTable(stored, statistics) for stored in stored_activities(templates)),
        *(FunnelTable(stored, statistics, dataset.columns) for stored in stored_funnels(templates)),
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


def events(tables: Sequence[Table]) -> list[Table]:
    """Those of a plan's datasources that store each event."""
    return [table for table in tables if isinstance(table, Datasource) and table.raw]


def built(tables: Sequence[Table]) -> list[Table]:
    """Those of a plan's datasources that store something else than each event."""
    return [table for table in tables if table not in events(tables)]

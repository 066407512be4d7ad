"""What a client does with the rows of Cassandra's statements, in words, for each way to answer a question."""

from collections.abc import Iterator

from rollup_bench.engines import client_aggregation
from rollup_bench.engines.cassandra.cohort_tables import CohortReader
from rollup_bench.engines.cassandra.event_scans import EventScan, ServerAggregation, SliceScan
from rollup_bench.engines.cassandra.funnel_tables import FunnelReader
from rollup_bench.engines.cassandra.rollup_reader import RollupReader, RollupStatements
from rollup_bench.engines.exports import added_up, cohort_limits
from rollup_bench.engines.ordering import order
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question

AccessPath = RollupReader | CohortReader | FunnelReader | SliceScan | ServerAggregation | EventScan
"""A way to answer a question."""


def client_work(path: AccessPath, question: Question) -> Iterator[str]:
    """Sentences that say what the rows are, and how a client computes the answer from them."""
    match path:
        case RollupReader():
            yield from _of_rollup([part.statements for part in path.parts], path.question)
        case CohortReader():
            yield from cohort_limits(question, path.plan.statistics)
            yield from _of_cohort(path)
        case FunnelReader():
            named = ", ".join([*path.dimensions, *(["its order"] if path.ordered else [])])
            yield f"A row is an entry: {named}, its time, and the time of each later step or NULL."
            yield from _of_funnel(path.question)
        case ServerAggregation():
            partials = ", ".join(map(str, client_aggregation.partials(path.question.measures)))
            yield f"A row has {partials} of the events between the times of its statement, which lie in one bucket."
            yield from _of_aggregate(path.question)
        case EventScan():
            yield f"A row is an event: its time, {', '.join(path.columns)}."
            yield from _of_events(path.question)


def _of_rollup(parts: list[RollupStatements], question: Aggregate) -> Iterator[str]:
    """What to do with the rows of a roll-up in adjacent periods."""
    for known in parts:
        start = ["the start of a bucket in milliseconds", *known.dimensions]
        yield f"A row of {known.rollup.totals.name} has {', '.join([*start, *known.types])}."
        for column in known.client_merged:
            table = known.values_table(column).name
            yield f"A row of {table} has {', '.join(start)}, a value of {column} and how often it occurs."
    yield "Leave out rows whose start is NULL, and those outside the span."
    if any(known.counted for known in parts):
        yield "Rows with distinct(x) have the number of distinct values of x in a bucket; count the values elsewhere."
    if parts[0].client_filters:
        yield f"Keep rows with {_conditions(parts[0].client_filters)}."
    yield from _of_aggregate(question)


def _of_aggregate(question: Aggregate) -> Iterator[str]:
    """How to aggregate partial aggregates."""
    if question.grain is Grain.ALL:
        yield "All rows belong to one bucket, which begins at `start`."
    else:
        yield f"The bucket of a row is the {question.grain} in {question.zone} in which its start lies."
    yield f"Add up the counts and sums of rows with equal {', '.join(('bucket', *question.by))}; merge min and max."
    if question.subtotals != "none":
        yield f"Do the same for each subtotal ({question.subtotals}), with grouping_id as SQL's GROUPING counts it."
    for measure in question.measures:
        if measure.function is Function.MEAN:
            yield f"{measure} is sum({measure.column}) divided by count({measure.column})."
        elif measure.function is Function.QUANTILE:
            yield f"{measure} is the first value, in order, up to which this share of all values lies."
    yield "A sum whose count is 0 is NULL."
    ways = ", ".join(f"{name} {way}" for name, way in order(question))
    yield f"Sort by {ways}; NULL is last, and texts are sorted by code point."
    if question.top:
        yield f"Keep the first {question.top.n} rows of each bucket."


def _of_cohort(path: CohortReader) -> Iterator[str]:
    """What to do with sums of activity."""
    by, question = ["the cohort"] if path.question.by else [], path.question
    yield f"A row has the time of births in milliseconds, {', '.join([*by, 'an age, the number of rows', *path.sums])}."
    if question.grain:
        yield f"The cohort of a row is the {question.grain} in {question.zone} in which its births lie."
    if path.cohort.stored.narrows(question):
        width = question.age.width
        yield f"Leave out ages from {width}; rows at the other ages count `first` in place of rows, all at age 0."
    yield from added_up(question)


def _of_events(question: Question) -> Iterator[str]:
    """What to do with single events."""
    match question:
        case Aggregate():
            if question.where:
                yield f"Keep events with {_conditions(question.where)}."
            yield "The client then groups the events and computes the measures."
            yield from _of_aggregate(question)
        case Cohort():
            yield f"A subject is born at its first event{_that(question.birth)}; births in the span count."
            age = f"{question.age.clock} {question.age.unit}s, {question.age.width} at a time"
            yield f"Its events from then{_that(question.returns)}, before `until`, count at their age in {age}."
            yield from added_up(question)
        case Funnel():
            yield f"An entry is an event{_that(question.steps[0])}."
            steps = ", then ".join(_conditions(step) for step in question.steps[1:])
            yield f"Each step is the first event that matches and is later than the step before: {steps}."
            yield from _of_funnel(question)


def _of_funnel(question: Funnel) -> Iterator[str]:
    """What to do with the entries of a funnel."""
    yield f"A step is reached at most {question.window} seconds after the entry and before the end of the span."
    yield "Take of each subject the entry that reaches most steps, of several the earliest."
    yield "Count it at each step that it reaches."


def _that(filters: tuple[Filter, ...]) -> str:
    return f" with {_conditions(filters)}" if filters else ""


def _conditions(filters: tuple[Filter, ...]) -> str:
    return " and ".join(f"{f.column} {f.op} {', '.join(map(repr, f.values))}" for f in filters)

"""Computes right answers, the truth, from events with Arrow and NumPy; no engine uses functions of this package."""

import pyarrow as pa

from rollup_bench.workloads.answers import schema
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question
from rollup_bench.workloads.truth import aggregate, cohort, funnel


def answer(question: Question, events: Events) -> pa.Table:
    """The right answer to a question; OverflowError if an integer in the answer does not fit into 64 bits."""
    wanted = schema(question, events.statistics.schema)
    if not events.statistics.rows:
        return wanted.empty_table()
    match question:
        case Aggregate():
            return aggregate.answer(question, events)
        case Cohort():
            return cohort.answer(question, events)
        case Funnel():
            return funnel.answer(question, events)

"""Chooses the table that answers a question."""

from rollup_bench.engines import tuned
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.spark.rollup import unsupported_reason
from rollup_bench.engines.tuned import Source
from rollup_bench.workloads.questions import Question


def source(question: Question, plan: Plan) -> Source:
    """The table that answers a question on a plan; RequestError if no table can answer."""
    return tuned.source(question, plan, unsupported_reason)

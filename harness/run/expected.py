"""Compares answers with earlier answers to the same requests, which were compared with the truth or are repeated."""

import msgspec
import numpy as np
import pyarrow as pa

from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Question

_RELATIVE = 1e-9


class Expected(msgspec.Struct, frozen=True):
    """Compares later answers of an arm with its earlier `answers` to the same requests.

    `tolerated` has for each request, by column, how much two answers may differ, as a share of the largest value.
    """

    answers: list[pa.Table]
    tolerated: list[dict[str, float]]

    def __call__(self, number: int, answer: object) -> bool:
        """Whether the answer to request `number` equals the earlier answer, within 1e-9 (floats) or `tolerated`."""
        right, tolerated = self.answers[number], self.tolerated[number]
        if not isinstance(answer, pa.Table) or not answer.schema.equals(right.schema) or len(answer) != len(right):
            return False
        return all(_alike(answer[name], right[name], tolerated.get(name, 0.0)) for name in right.column_names)


def tolerated(question: Question) -> dict[str, float]:
    """Returns, for each estimated measure, the relative difference that two right answers may have.

    The difference is unlimited for quantiles, because a quantile's tolerated error is in ranks and not in values.
    """
    if not isinstance(question, Aggregate):
        return {}
    return {
        str(measure): np.inf if measure.function is Function.QUANTILE else 2 * measure.error
        for measure in question.measures
        if measure.error
    }


def _alike(column: pa.ChunkedArray, expected: pa.ChunkedArray, tolerated: float) -> bool:
    if column.equals(expected):
        return True
    if not (pa.types.is_floating(expected.type) or tolerated) or not column.is_null().equals(expected.is_null()):
        return False
    values, wanted = (each.drop_null().cast(pa.float64()).to_numpy() for each in (column, expected))
    relative = max(tolerated, _RELATIVE)
    return bool(np.all(np.abs(values - wanted) <= relative * np.abs(wanted).max(initial=0.0)))

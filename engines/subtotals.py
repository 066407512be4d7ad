"""Subtotals as adapters compute them. The truth has its own."""

from rollup_bench.workloads.questions import Aggregate


def grouping_sets(question: Aggregate) -> list[tuple[str, ...]]:
    """The subsets of `by` that are grouped by, the whole first."""
    by = question.by
    match question.subtotals:
        case "none":
            return [by]
        case "rollup":
            return [by[:n] for n in range(len(by), -1, -1)]
        case "cube":
            chosen = range(2 ** len(by) - 1, -1, -1)
            return [tuple(d for i, d in enumerate(reversed(by)) if k >> i & 1)[::-1] for k in chosen]


def grouping_id(question: Aggregate, kept: tuple[str, ...]) -> int:
    """SQL's GROUPING: a bit for each of `by`, the first the highest, set where the dimension is aggregated away."""
    return sum(1 << i for i, d in enumerate(reversed(question.by)) if d not in kept)

"""Routes: the tables from which requests were answered, and where their events were aggregated."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from rollup_bench.harness.records.lines import Route
from rollup_bench.harness.run.arms import Arm
from rollup_bench.workloads.questions import Question

RouteOf = Callable[[Any], Route]


def unknown(request: object) -> Route:
    """Returns the route of a request of which nothing is known."""
    return Route((), "")


def route(arm: Arm, question: Question) -> Route:
    """Returns the route of one request, which is unknown if the arm's `support` raises an error."""
    with suppress(Exception):
        support = arm.engine.support(question, arm.plan)
        return Route(support.tables, support.where or "")
    return unknown(question)


def counted(route_of: RouteOf, requests: Iterable[Any]) -> list[Route]:
    """Returns the known routes of these requests, each with the number of its requests, the most frequent first."""
    counts: Counter[tuple[tuple[str, ...], str]] = Counter()
    for request, number in Counter(requests).items():
        taken = route_of(request)
        counts[taken.tables, taken.where] += number
    return [Route(tables, where, number) for (tables, where), number in counts.most_common() if tables or where]

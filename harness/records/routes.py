"""The routes that the timed requests of a question took on an arm, and the share of each route."""

from collections import Counter
from collections.abc import Sequence

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Route


def routes(run: Run, question: str, arm: str) -> list[Route]:
    """Returns the routes of the timed requests in the hot state, the most frequent first; empty if not recorded."""
    requests: Counter[tuple[tuple[str, ...], str]] = Counter()
    for rounds in run.questions.get((question, "hot"), []):
        for route in rounds.routes.get(arm, []):
            requests[route.tables, route.where] += route.requests
    return [Route(tables, where, number) for (tables, where), number in requests.most_common()]


def different(taken: Sequence[Route]) -> list[Route]:
    """Returns the routes that are no part of another one: those that read other tables, or aggregate elsewhere.

    A request that reads only some of the tables of another one, such as those of whole months, takes its route.
    """
    return [one for one in taken if not any(_is_part(one, other) for other in taken)]


def _is_part(one: Route, other: Route) -> bool:
    return one.where == other.where and set(one.tables) < set(other.tables)


def shares(taken: Sequence[Route]) -> str:
    """Describes routes with the share of each, as in `97% in the client from events, 3% at ingest from rollup`."""
    total = sum(route.requests for route in taken)
    return ", ".join(
        f"{percent(route.requests / total)} {route.where} from {' and '.join(route.tables)}" for route in taken
    )


def percent(share: float) -> str:
    """Returns a share in whole percent; a share that is not 0 or 1 is never shown as such."""
    shown = f"{share:.0%}"
    return {"0%": "<1%", "100%": ">99%"}.get(shown, shown) if 0 < share < 1 else shown

"""A replay: requests for one question with new parameters each time, so that few requests repeat an earlier request."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

Accepts = Callable[[Question], bool]
_TRIES = 100  # the most draws of parameters until all arms support a request
_LARGEST_SHIFT = 0.1  # the largest shift, as a share of the time from `start` to `end`; at least 3 steps


def replay(template: Template, accepts: Accepts, rng: np.random.Generator) -> Iterator[Question]:
    """Yields the question with its default parameters once, and then without end with other random parameters.

    Parameters are drawn as the dataset says, or else `start` and `end` move later by the same random number of days, or
    of months if `accepts` refuses days. The default request is repeated if `accepts` refuses all that is tried.
    """
    default = template.fill()
    yield default
    if template.draw:
        drawn = template.drawn(int(rng.integers(2**32)))
        while True:
            yield next(filter(accepts, islice(drawn, _TRIES)), default)
    shift = next((shift for shift in (_days, _months) if _fits(template, shift, accepts)), None)
    while True:
        yield default if shift is None else _moved(template, shift, int(rng.integers(1, _most(template, shift) + 1)))


Shift = Callable[[date, int], date]


def _days(moment: date, steps: int) -> date:
    return moment + timedelta(days=steps)


def _months(moment: date, steps: int) -> date:
    years, month = divmod(moment.month - 1 + steps, 12)
    return moment.replace(year=moment.year + years, month=month + 1)


def _most(template: Template, shift: Shift) -> int:
    start, end = template.parameters["start"], template.parameters["end"]
    days = _date(end) - _date(start)
    step = _date(shift(start, 1)) - _date(start)
    return max(3, int(_LARGEST_SHIFT * (days / step)))


def _moved(template: Template, shift: Shift, steps: int) -> Question:
    return template.fill({name: shift(template.parameters[name], steps) for name in ("start", "end")})


def _fits(template: Template, shift: Shift, accepts: Accepts) -> bool:
    """Whether `accepts` accepts the question with `start` and `end` moved by one step, and by the most steps."""
    try:
        return all(accepts(_moved(template, shift, steps)) for steps in (1, _most(template, shift)))
    except (RequestError, ValueError, TypeError):
        return False


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment

"""A replay: a question asked again and again over other spans, the same for every engine, so that nothing is cached."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

Accepts = Callable[[Question], bool]
_TRIES = 100  # draws for one that every arm answers
_REACH = 0.1  # of the span, by which it moves at most; or three steps where that is more


def replay(template: Template, accepts: Accepts, rng: np.random.Generator) -> Iterator[Question]:
    """The question with its defaults, then without end with others: drawn as the dataset says, or later by some steps.

    A step is a day, or a month where some arm answers only whole months. A question that some arm answers over no
    other span stays as it is.
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
    return max(3, int(_REACH * (days / step)))


def _moved(template: Template, shift: Shift, steps: int) -> Question:
    return template.fill({name: shift(template.parameters[name], steps) for name in ("start", "end")})


def _fits(template: Template, shift: Shift, accepts: Accepts) -> bool:
    """Whether the first step and the last make questions that every arm answers."""
    try:
        return all(accepts(_moved(template, shift, steps)) for steps in (1, _most(template, shift)))
    except (RequestError, ValueError, TypeError):
        return False


def _date(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment

"""What runs in several sizes measured, for the number of events of the needs: the nearest size, or an extrapolation."""

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import msgspec
import numpy as np

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence, Store
from rollup_bench.harness.choose.refusals import ALIKE, REACH, SIZES
from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.estimate import LEVEL

APART = 4  # the largest of the sizes has at least so many times the events of the smallest
_LAUNCHES, _COLUMNS = 100, 2000
"""The columns of random numbers: for the launches of each size, and for the error of each curve."""
_BEYOND = 1.25  # a figure is sought between line and power, and beyond each of them by an eighth of their distance
_SURE = (1 + LEVEL) / 2


def of_size(found: Sequence[Evidence], rows: float) -> Evidence:
    """Returns the evidence for a number of events; for the most events that were measured if `rows` is 0.

    It is that of a run with about as many events. If there is none, it is extrapolated from the three largest sizes, to
    at most ten times the largest; without three such sizes, it is that of the nearest one. RequestError if the runs are
    of different datasets.
    """
    datasets = sorted({one.dataset for one in found})
    if len(datasets) > 1:
        raise RequestError(f"RUN: the runs are of different datasets, {', '.join(datasets)}; give runs of one dataset")
    ascending = sorted(found, key=lambda one: one.rows)
    largest = ascending[-1]
    nearest = min(ascending, key=lambda one: abs(math.log(one.rows / rows))) if rows else largest
    basis = list({one.rows: one for one in ascending}.values())[-SIZES:]
    alike = not rows or 1 / ALIKE <= rows / nearest.rows <= ALIKE
    if alike or len(basis) < SIZES or largest.rows < APART * basis[0].rows:
        return nearest
    return extrapolated(basis, round(rows)) if basis[0].rows < rows <= REACH * largest.rows else nearest


def extrapolated(basis: Sequence[Evidence], rows: int) -> Evidence:
    """Returns what is expected of the stores of the largest size with another number of events.

    `basis` has at least three sizes, in ascending order. Times under load are left out, since they are not known.
    """
    sizes, columns = [one.rows for one in basis], count(_COLUMNS)
    stores = []
    for store in basis[-1].stores:
        same = [next((other for other in one.stores if other.arm == store.arm), None) for one in basis]
        stores.append(_Growing([one for one in same if one], sizes, rows, columns).store)
    return msgspec.structs.replace(basis[-1], rows=rows, stores=stores, sizes=sizes)


class _Growing:
    """A store in several sizes, the largest last; fewer stores than sizes if some sizes lack it."""

    def __init__(self, stores: Sequence[Store], sizes: Sequence[int], rows: int, columns: Iterator[int]) -> None:
        self._stores, self._sizes, self._rows, self._columns = stores, sizes, rows, columns

    @property
    def store(self) -> Store:
        """The store with another number of events."""
        largest = self._stores[-1]
        seconds = {name: self._figure([one.processor.get(name) for one in self._stores]) for name in largest.processor}
        known = {name: figure for name, figure in seconds.items() if figure}
        missing = {name: "it was not timed in all sizes" for name in seconds if name not in known}
        return msgspec.structs.replace(
            largest,
            processor=known,
            unsure=largest.unsure | missing,
            memory=self._amount([one.memory for one in self._stores]),
            bytes=self._amount([one.bytes for one in self._stores]),
            load=self._figure([one.load for one in self._stores]),
            ingest=self._event([one.ingest for one in self._stores]),
            under_load={},
        )

    def _figure(self, figures: Sequence[Measured | None]) -> Measured | None:
        known = [one for one in figures if one and one.known]
        if len(known) < len(self._sizes):
            return None
        return predicted(self._sizes, known, self._rows, next(self._columns))

    def _event(self, figures: Sequence[Measured | None]) -> Measured | None:
        """A figure for each event, which is extrapolated as that of all events."""
        pairs = zip(self._sizes, figures, strict=False)
        whole = self._figure([_times(one, size) if one else None for size, one in pairs])
        return _times(whole, 1 / self._rows) if whole else None

    def _amount(self, amounts: Sequence[float | None]) -> float | None:
        """An amount without an error, on a straight line."""
        known = [one for one in amounts if one is not None]
        return line(self._sizes, known, self._rows) if len(known) == len(self._sizes) else None


def predicted(sizes: Sequence[int], figures: Sequence[Measured], rows: float, column: int) -> Measured:
    """Returns a figure with another number of events, between a straight line and a power of the number of events.

    A figure with a fixed part and one that grows with the events lies on the line; one that grows ever more slowly,
    like the groups of a roll-up, lies near the power. Errors of launches weigh as they do in the power, and are
    taken to be alike in all sizes, since few launches tell an error badly; figures of the same launch of the same size
    still vary together. The random number of the error of the curve is that of `column`.
    """
    power = _Power.of(sizes, figures, rows)
    straight = math.log(line(sizes, [one.value for one in figures], rows))
    taken, free = (sum(len(one.steps) - lost for one in figures) for lost in (0, 1))
    wide = _pooled(figures) * student.quantile(_SURE, free) / student.quantile(_SURE, taken)
    apart = _BEYOND * abs(straight - power.centre) / 2 / student.quantile(_SURE, taken)
    steps = [
        (_LAUNCHES * (place + 1) + launch, weight * step * wide / (_pooled([one]) or 1.0))
        for place, (weight, one) in enumerate(zip(power.weights, figures, strict=True))
        for launch, step in one.steps
    ]
    noise = math.hypot(*(step for _, step in steps))
    curve = math.sqrt(apart**2 + 2 * apart * noise)  # so that errors of launches are added to the distance
    return Measured((straight + power.centre) / 2, (*steps, (column, math.hypot(curve, power.misfit))))


def line(sizes: Sequence[int], amounts: Sequence[float], rows: float) -> float:
    """Returns the value at `rows` of the line, rising or flat, that fits amounts best by their relative errors."""
    x, y = np.asarray(sizes, np.float64), np.asarray(amounts)
    if not y.all():
        return float(y.max())
    weights = 1 / y**2
    centre, middle = np.average(x, weights=weights), np.average(y, weights=weights)
    slope = max(float(weights @ ((x - centre) * (y - middle)) / (weights @ (x - centre) ** 2)), 0.0)
    if slope * centre > middle:  # the amount without events is not negative
        return float(weights @ (x * y) / (weights @ x**2) * rows)
    return float(middle + slope * (rows - centre))


class _Power(NamedTuple):
    """The logarithm of a figure that grows as a power of the number of events.

    `weights` are those of the logarithms of the measured figures. `misfit` is the error by which the figures miss the
    power in addition to the errors of their launches.
    """

    centre: float
    weights: list[float]
    misfit: float

    @classmethod
    def of(cls, sizes: Sequence[int], figures: Sequence[Measured], rows: float) -> "_Power":
        """Fits the power to figures in several sizes."""
        x, y = np.log(sizes), np.array([one.centre for one in figures])
        apart = x - x.mean()
        slopes = apart / (apart @ apart)
        exponent = float(slopes @ y)
        weights = 1 / len(x) + (math.log(rows) - x.mean()) * slopes
        missed = float(((y - y.mean() - exponent * apart) ** 2).sum()) / (len(x) - 2)
        misfit = math.sqrt(max(missed - _pooled(figures) ** 2, 0.0) * float(weights @ weights))
        return cls(float(y.mean() + exponent * (math.log(rows) - x.mean())), weights.tolist(), misfit)


def _pooled(figures: Sequence[Measured]) -> float:
    """Returns the standard error of the logarithms of figures, which are taken to be equally well known."""
    return math.sqrt(np.mean([sum(step**2 for _, step in one.steps) for one in figures]))


def _times(figure: Measured, factor: float) -> Measured:
    return Measured(figure.centre + math.log(factor), figure.steps)

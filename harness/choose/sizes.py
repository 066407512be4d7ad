"""What runs in several sizes measured, for the number of events of the needs: the nearest size, or an extrapolation."""

import math
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.errors import RequestError
from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence, Store
from rollup_bench.harness.choose.refusals import ALIKE, REACH, SIZES
from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.estimate import LEVEL

APART = 4  # the largest of the sizes has at least so many times the events of the smallest
_LAUNCHES, _COLUMNS = 100, 2000
"""The columns of random numbers: for the launches of each size, and for the error of each curve."""
_EXPONENTS = np.linspace(0.1, 1.3, 121)
_JUMP = 0.1
_BEYOND = 1.3  # so much wider is the interval, because a thousand draws tell its ends only roughly
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
        missing = dict.fromkeys(seconds.keys() - known, "it was not timed in all sizes, or its times jump between them")
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


def predicted(sizes: Sequence[int], figures: Sequence[Measured], rows: float, column: int) -> Measured | None:
    """Returns a figure with another number of events, which has a fixed part and one that is a power of that number.

    The interval holds what all such curves say that the measured figures do not rule out (their profile likelihood).
    Errors of launches are taken to be alike in all sizes, since few launches tell an error badly; figures of the same
    launch of the same size still vary together. The random number of the error of the curve is that of `column`. None
    if the figures jump: if they miss every curve by more than a tenth, and by more than their errors.
    """
    curves = [_Curve.of(sizes, [one.value for one in figures], rows, exponent) for exponent in _EXPONENTS]
    best, error = min(curves, key=lambda one: one.missed), _pooled(figures)
    taken, free = (student.quantile(_SURE, sum(len(one.steps) - lost for one in figures)) for lost in (0, 1))
    misfit = best.missed / (len(sizes) - 2)
    if misfit > max(_JUMP, free * error) ** 2:
        return None
    furthest = best.missed + free**2 * max(misfit, error**2)
    spans = [one.span(math.sqrt(furthest - one.missed)) for one in curves if one.missed <= furthest]
    low, high = min(low for low, _ in spans), max(high for _, high in spans)
    steps = [
        (_LAUNCHES * (place + 1) + launch, weight * step * error / (_pooled([one]) or 1.0) * free / taken)
        for place, (weight, one) in enumerate(zip(best.weights, figures, strict=True))
        for launch, step in one.steps
    ]
    noise = math.hypot(*(step for _, step in steps))
    curve = math.sqrt(max((_BEYOND * (high - low) / 2 / taken) ** 2 - noise**2, 0.0))
    return Measured((low + high) / 2, (*steps, (column, curve)))


def line(sizes: Sequence[int], amounts: Sequence[float], rows: float) -> float:
    """Returns the value at `rows` of the line, rising or flat, that fits amounts best by their relative errors."""
    return math.exp(_Curve.of(sizes, amounts, rows, 1.0).centre) if all(amounts) else max(amounts)


class _Curve(NamedTuple):
    """The logarithm of a figure at a number of events, on a curve that was fitted by the relative errors of figures.

    The curve is a fixed part and a multiple of a power of the number of events; neither is negative. `weights` are
    those of the logarithms of the measured figures. `missed` is the sum of the squares of the relative errors.
    """

    centre: float
    weights: NDArray[np.float64]
    missed: float

    @classmethod
    def of(cls, sizes: Sequence[int], values: Sequence[float], rows: float, exponent: float) -> "_Curve":
        """Fits the curve with this exponent to values in several sizes."""
        parts = np.stack([np.ones(len(sizes)), (np.array(sizes) / rows) ** exponent]) / np.array(values)
        shares = np.linalg.pinv(parts.T)
        fixed, growing = shares.sum(axis=1)
        if fixed < 0 or growing < 0:
            parts = parts[1:] if fixed < 0 else parts[:1]
            shares = np.linalg.pinv(parts.T)
        value, errors = float(shares.sum()), shares.sum(axis=1) @ parts - 1
        return cls(math.log(value), shares.sum(axis=0) / value, float(errors @ errors))

    def span(self, error: float) -> tuple[float, float]:
        """The logarithms between which the figure lies if those of the measured figures have this error together."""
        reach = error * math.hypot(*self.weights)
        return self.centre - reach, self.centre + reach


def _pooled(figures: Sequence[Measured]) -> float:
    """Returns the standard error of the logarithms of figures, which are taken to be equally well known."""
    return math.sqrt(np.mean([sum(step**2 for _, step in one.steps) for one in figures]))


def _times(figure: Measured, factor: float) -> Measured:
    return Measured(figure.centre + math.log(factor), figure.steps)

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

NO_CURVE = "its times in the measured sizes fit no curve"
"""The reason why a figure is not extrapolated although it was timed well enough in all sizes."""
APART = 4  # the largest of the sizes has at least so many times the events of the smallest
_MOST = 4  # of more sizes, the largest are used
_LAUNCHES, _COLUMNS = 100, 2000
"""The columns of random numbers: for the launches of each size, and for the error of each curve."""
_EXPONENTS: list[float] = np.linspace(0.1, 1.3, 121).tolist()
"""At 0.1, a figure hardly grows with the number of events; at 1, in proportion; the time of a sort, a little faster."""
_MISFIT = 0.1  # a figure that misses all curves by less than a tenth is extrapolated
_BENT = 0.0125  # how far times may lie from all curves, however well they are known: those of a sort follow no power
_WIDER = 1.25  # since 1,000 draws may make an interval 12% too narrow, and a true value may lie at its end
_SURE = (1 + LEVEL) / 2


def of_size(found: Sequence[Evidence], rows: float) -> Evidence:
    """Returns the evidence for a number of events; for the most events that were measured if `rows` is 0.

    It is that of a run with about as many events. If there is none, it is extrapolated from the largest three or four
    sizes, to at most ten times the largest; without three sizes, it is that of the nearest one. RequestError if the
    runs are of different datasets.
    """
    datasets = sorted({one.dataset for one in found})
    if len(datasets) > 1:
        raise RequestError(f"RUN: the runs are of different datasets, {', '.join(datasets)}; give runs of one dataset")
    ascending = sorted(found, key=lambda one: one.rows)
    largest = ascending[-1]
    nearest = min(ascending, key=lambda one: abs(math.log(one.rows / rows))) if rows else largest
    basis = list({one.rows: one for one in ascending}.values())[-_MOST:]
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
        missing = {name: self._reason(name) for name in seconds if name not in known}
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

    def _reason(self, question: str) -> str:
        """Why a question's processor time is not known."""
        timed = [one.processor.get(question) for one in self._stores]
        every = len(timed) == len(self._sizes) and all(one and one.known for one in timed)
        return NO_CURVE if every else "it was not timed well enough in all sizes"

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
    """Returns a figure with another number of events; None if all curves miss by over a tenth and by over the errors.

    A curve is a fixed part plus a multiple of a power of the number of events. The interval spans all curves that fit
    the figures within their errors (their profile likelihood), which are taken to be 1.25% at least, and the expected
    figure is its middle. Errors of
    launches are taken to be alike in all sizes, since few launches tell an error badly; figures of the same launch of
    the same size still vary together. The random number of the error of the curve is that of `column`.
    """
    curves = _Curves(sizes, [one.value for one in figures], rows)
    best, error = curves.best, _pooled(figures)
    drawn, fitted = (student.quantile(_SURE, sum(len(one.steps) - lost for one in figures)) for lost in (0, 1))
    misfit = best.missed / (len(sizes) - 2)
    if misfit > max(_MISFIT, fitted * error) ** 2:
        return None
    low, high = curves.ends(best.missed + fitted**2 * max(misfit, error**2, _BENT**2))
    steps = [
        (_LAUNCHES * (place + 1) + launch, weight * step * error / (_pooled([one]) or 1.0))
        for place, (weight, one) in enumerate(zip(best.weights, figures, strict=True))
        for launch, step in one.steps
    ]
    half, noise = _WIDER * math.log(high / low) / 2 / drawn, math.hypot(*(step for _, step in steps))
    curve = math.sqrt(max(half**2 - noise**2, 0.0))
    return Measured(math.log(low * high) / 2, (*steps, (column, curve)))


def line(sizes: Sequence[int], amounts: Sequence[float], rows: float) -> float:
    """Returns the value at `rows` of the line, rising or flat, that fits amounts best by their relative errors."""
    if not all(amounts):
        return max(amounts)
    return _Curves(sizes, amounts, rows, [1.0]).best.value


class _Curve(NamedTuple):
    """A curve that fits values in some sizes best by their relative errors; one of its parts may be negative.

    `amounts` are its parts at a number of events, and `shares` how much of each part every measured value contributes.
    `missed` is the sum of the squares of the relative errors.
    """

    amounts: NDArray[np.float64]
    shares: NDArray[np.float64]
    missed: float

    @property
    def value(self) -> float:
        """The value at the number of events."""
        return float(self.amounts.sum())

    @property
    def weights(self) -> NDArray[np.float64]:
        """The change of the logarithm of the value for a change of the logarithm of each measured value."""
        return np.asarray(self.shares.sum(axis=0) / self.value)

    def ends(self, furthest: float) -> Iterator[float]:
        """Yields the least and the largest value at which `missed` is `furthest`, but none with a negative part."""
        if (room := furthest - self.missed) >= 0:
            weights = self.shares.sum(axis=0)
            step = self.shares @ weights / math.hypot(*weights) * math.sqrt(room)
            yield from (float(end.sum()) for end in (self.amounts - step, self.amounts + step) if (end >= 0).all())


class _Curves:
    """Curves through values in some sizes: two for each exponent, with and without a fixed part, and a flat one."""

    def __init__(
        self, sizes: Sequence[int], values: Sequence[float], rows: float, exponents: Sequence[float] = _EXPONENTS
    ) -> None:
        growing = (np.array(sizes) / rows) ** np.array(exponents)[:, np.newaxis]
        both = np.stack([np.ones(growing.shape), growing], axis=2) / np.array(values)[:, np.newaxis]
        self._curves = [
            _Curve(amounts := share.sum(axis=1), share, float(((part @ amounts - 1) ** 2).sum()))
            for parts in (both, both[..., 1:], both[:1, :, :1])
            for part, share in zip(parts, np.linalg.pinv(parts), strict=True)
        ]

    @property
    def best(self) -> _Curve:
        """The curve without a negative part that misses the values least."""
        return min((one for one in self._curves if (one.amounts >= 0).all()), key=lambda one: one.missed)

    def ends(self, furthest: float) -> tuple[float, float]:
        """The least and the largest value of all curves whose `missed` is at most `furthest`."""
        values = [end for one in self._curves for end in one.ends(furthest)]
        return min(values), max(values)


def _pooled(figures: Sequence[Measured]) -> float:
    """Returns the standard error of the logarithms of figures, which are taken to be equally well known."""
    return math.sqrt(np.mean([sum(step**2 for _, step in one.steps) for one in figures]))


def _times(figure: Measured, factor: float) -> Measured:
    return Measured(figure.centre + math.log(factor), figure.steps)

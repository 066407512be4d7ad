"""Decides when a launch is warm: no arm's requests get faster any more."""

import math
from collections.abc import Sequence

import numpy as np

_FALL = 0.02  # a fall of log times that counts as none


def fall(questions: Sequence[Sequence[int]]) -> tuple[float, float]:
    """Returns by how much the log times of an arm fell at the end of its warm-up, and the standard error of this fall.

    `questions` has the nanoseconds of the arm's requests in their order, for each question. The last quarter of the
    requests of a question is compared with the quarter before. The error is infinite if a side has fewer than two.
    """
    before, after = list[float](), list[float]()
    for times in questions:
        quarter = len(times) // 4 or len(times) // 2
        logs = np.log(times[len(times) - 2 * quarter :])
        before += (logs[:quarter] - logs.mean()).tolist() if quarter else []
        after += (logs[quarter:] - logs.mean()).tolist() if quarter else []
    if len(after) < 2:
        return 0.0, math.inf
    return float(np.mean(before) - np.mean(after)), math.sqrt((np.var(before) + np.var(after)) / (len(after) - 1))


def steady(questions: Sequence[Sequence[int]]) -> bool:
    """Whether an arm's times fall by no more than 2%, or by no more than the standard error of the fall."""
    if not any(questions):
        return False
    fell, error = fall(questions)
    return math.isfinite(error) and fell <= max(_FALL, error)

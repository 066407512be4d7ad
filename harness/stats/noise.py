"""The noise floor of a run: how much the two names of its A/A controls differ."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from rollup_bench.harness.stats.abba import AGAIN, original
from rollup_bench.harness.stats.estimate import Estimate, Logs, estimate, midmean, paired

Key = tuple[str, str]
"""A question and its cache state."""
Measured = Mapping[Key, Sequence[Mapping[str, Logs]]]
"""By question, for each launch, the log time of each round by arm; NaN for a round in which the arm was not asked.

The second name of an A/A control is an arm of its own. Processor time is given as a single value for each launch.
"""


def controls(measured: Measured) -> dict[Key, Estimate]:
    """Returns the log-ratio of the second name to the arm of each A/A control."""
    ratios = {key: _control(launches) for key, launches in measured.items()}
    return {key: estimate(launches) for key, launches in ratios.items() if launches}


def floors(measured: Measured) -> dict[Key, Estimate]:
    """Returns the noise floor of each question; differences within its interval prove nothing.

    It is `common`. A control whose own interval excludes 1, or is unknown, is the floor of its question alone. Without
    any control, nothing is returned.
    """
    own = controls(measured)
    run = common(measured, own)
    loud = {key: control for key, control in own.items() if not _is_quiet(control)}
    return (dict.fromkeys(measured, run) if run else {}) | loud


def common(measured: Measured, own: Mapping[Key, Estimate]) -> Estimate | None:
    """Returns the noise floor of the run; `own` has the ratio of each A/A control.

    Only controls whose intervals contain 1 count. Without any, None is returned.
    """
    quiet = [measured[key] for key, control in own.items() if _is_quiet(control)]
    return _together(quiet) if quiet else None


def _control(launches: Sequence[Mapping[str, Logs]]) -> list[Logs]:
    again = next((arm for logs in launches for arm in logs if arm.endswith(AGAIN)), None)
    return paired(launches, original(again), again) if again else []


def _together(questions: Sequence[Sequence[Mapping[str, Logs]]]) -> Estimate:
    """Estimates the log-ratio of the A/A controls of several questions, each of which is one value in each launch.

    The value is the midmean of the control's rounds, so a question with many rounds counts no more than one with few.
    Nothing says which launch an element of a question is. So only questions with the most common number of launches are
    used, and elements at the same place are taken for the same launch. A single question is estimated from its rounds.
    """
    usual = _most_common([len(launches) for launches in questions])
    alike = [launches for launches in questions if len(launches) == usual]
    if len(alike) == 1:
        return estimate(_control(alike[0]))
    values = [[midmean(rounds) for logs in one for rounds in _control([logs])] for one in zip(*alike, strict=True)]
    return estimate([np.array(launch) for launch in values if launch])


def _most_common(numbers: Sequence[int]) -> int:
    """Returns the number that occurs most often, and the largest of several."""
    occurs = Counter(numbers)
    return max(occurs, key=lambda number: (occurs[number], number))


def _is_quiet(control: Estimate) -> bool:
    low, high = control.interval()
    return low <= 1 <= high and control.error < math.inf

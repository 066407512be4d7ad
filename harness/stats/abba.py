"""The ABBA order of a round, and the A/A control: one arm that is measured under two names."""

from collections.abc import Sequence

import numpy as np

AGAIN = " (again)"  # the suffix of the second name of the A/A control


def abba(arms: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Returns every arm twice: a random order and then its reverse, so that a steady drift favours no arm."""
    order = tuple(arms[i] for i in rng.permutation(len(arms)))
    return order + order[::-1]


def with_control(arms: Sequence[str], control: str) -> tuple[str, ...]:
    """Returns the arms and, at the end, the second name of the arm `control`."""
    return (*arms, control + AGAIN)


def original(arm: str) -> str:
    """Returns the arm's own name if `arm` is the second name of an A/A control; returns other names unchanged."""
    return arm.removesuffix(AGAIN)

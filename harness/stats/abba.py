"""In which order a round asks its arms."""

from collections.abc import Sequence

import numpy as np

AGAIN = " (again)"


def abba(arms: Sequence[str], rng: np.random.Generator) -> tuple[str, ...]:
    """Every arm twice: a random order, then its mirror, so that no arm gains by drift or by whom it follows."""
    order = tuple(arms[i] for i in rng.permutation(len(arms)))
    return order + order[::-1]


def with_control(arms: Sequence[str], control: str) -> tuple[str, ...]:
    """The arms, one of them entered once more under a second name."""
    return (*arms, control + AGAIN)


def original(arm: str) -> str:
    """The arm behind a second name."""
    return arm.removesuffix(AGAIN)

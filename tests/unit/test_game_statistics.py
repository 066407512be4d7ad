"""The game's events against the game's description: each effect is there, and would be missed.

Every check gives deviations in standard errors, whose sizes follow from counts. About two hundred of them are held to
five, which chance alone exceeds once in ten thousand such tests; and a world that differs in one number exceeds it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from rollup_bench.workloads.game.blocks import split
from rollup_bench.workloads.game.draws import power
from rollup_bench.workloads.game.generator import LATEST, MINUTE, between
from rollup_bench.workloads.game.world import (
    ACTIONS,
    COUNTRIES,
    DAY,
    DAYS,
    HOUR,
    INSTALL,
    ITEMS,
    LAUNCH,
    PLATFORMS,
    SHOP,
    START,
    WORLD,
    World,
    prices,
)

ROWS = 1_000_000
BOUND = 5.0

Z = NDArray[np.float64]
Sample = dict[str, NDArray[np.int64]]


@cache
def sample(world: World) -> Sample:
    """Rows as integers: dictionary codes, milliseconds, tenths of a second; `born` and `age` are days, `first` marks
    the first row of an id."""
    table = pa.Table.from_batches(between(split(ROWS, 11, world=world), 0, ROWS))
    columns: Sample = {}
    for name in table.column_names:
        chunks = [c.indices if pa.types.is_dictionary(c.type) else c for c in table[name].chunks]
        column = pa.chunked_array(chunks)
        if name == "seconds":
            columns[name] = np.rint(column.to_numpy() * 10).astype(np.int64)
        else:
            columns[name] = column.cast(pa.int64()).fill_null(-1).to_numpy()
    first = np.zeros(ROWS, np.bool_)
    first[np.unique(columns["id"], return_index=True)[1]] = True
    columns = {name: values[first] for name, values in columns.items()}
    day = (columns["time"] - START) // DAY
    install = columns["action"] == INSTALL
    born = np.zeros(columns["player"].max() + 1, np.int64)
    born[columns["player"][install]] = day[install]
    return columns | {"day": day, "born": born[columns["player"]], "age": day - born[columns["player"]]}


def shares(seen: NDArray[np.int64], weights: NDArray[np.float64]) -> Z:
    """How far counts are from shares in proportion to weights, for each that may occur at all."""
    p = weights / weights.sum()
    n = seen.sum()
    assert not seen[p == 0].any()
    some = p > 0
    off: Z = (seen[some] - n * p[some]) / np.sqrt(n * p[some] * (1 - p[some]))
    return off


def exponent(seen: NDArray[np.int64], x: NDArray[np.int64], exposure: NDArray[np.float64], claimed: float) -> float:
    """How far the likeliest exponent of counts in proportion to exposure * x ** -exponent is from the one claimed."""
    log, found = np.log(x), claimed
    for _ in range(25):
        p = exposure * np.exp(-found * log)
        p /= p.sum()
        mean = (p * log).sum()
        information = seen.sum() * ((p * log**2).sum() - mean**2)
        found += (seen.sum() * mean - (seen * log).sum()) / information
    return float((found - claimed) * np.sqrt(information))


def births(events: Sample, world: World) -> Z:
    """Births are placed, not drawn: no day's running count is off by more than one, whatever the size."""
    days = events["day"][events["action"] == INSTALL]
    running = np.cumsum(np.bincount(days, minlength=DAYS))
    growth = np.power(world.growth, np.arange(DAYS))
    weight = np.cumsum(growth * np.array(world.week)[(2 + np.arange(DAYS)) % 7])
    off: Z = running - running[-1] * weight / weight[-1]
    return off / 1.01 * BOUND


def week(events: Sample, world: World) -> Z:
    """Visits by day of the week, each against the week that it is in."""
    days = events["day"][(events["action"] == LAUNCH) & (events["age"] > 0)]
    monday = 5 + 7 * 104
    weeks = np.bincount(days, minlength=DAYS)[monday : monday + 7 * 400].reshape(400, 7)
    return shares(weeks.sum(axis=0), np.array(world.week) * world.growth ** np.arange(7))


def hours(events: Sample, world: World) -> Z:
    installs = events["action"] == INSTALL
    visits = (events["action"] == LAUNCH) & (events["age"] > 0)
    seen = [np.bincount(events["time"][those] % DAY // HOUR, minlength=24) for those in (installs, visits)]
    return np.concatenate([shares(counts, np.array(world.hours, np.float64)) for counts in seen])


def exposure(events: Sample, country: int | None = None) -> Z:
    """Players who could visit at each age in days, each day with its weight in the week."""
    install = events["action"] == INSTALL
    if country is not None:
        install &= events["country"] == country
    born = np.bincount(events["born"][install], minlength=DAYS)
    weekly = np.array(WORLD.week)[(2 + np.arange(DAYS)) % 7] / 100
    return np.correlate(weekly, born.astype(np.float64), "full")[DAYS - 1 :]


def returns(events: Sample, world: World) -> Z:
    """The exponent of each country, from its visits by age, given who could have come."""
    result = []
    for country in range(len(COUNTRIES)):
        visits = (events["action"] == LAUNCH) & (events["age"] > 0) & (events["country"] == country)
        seen = np.bincount(events["age"][visits], minlength=DAYS)[1:]
        claimed = world.fading[country % len(world.fading)] / 8
        result.append(exponent(seen, np.arange(1, DAYS), exposure(events, country)[1:], claimed))
    return np.array(result)


def first_days(events: Sample, world: World) -> Z:
    """Visits on the day of birth and on the next, all countries alike."""
    seen = np.bincount(events["age"][events["action"] == LAUNCH], minlength=2)[:2]
    expected = exposure(events)[:2] * (world.first_day, world.next_day)
    return np.asarray((seen - expected) / np.sqrt(expected))


def countries(events: Sample, world: World) -> Z:
    seen = np.bincount(events["country"][events["action"] == INSTALL], minlength=len(COUNTRIES))
    rank = np.arange(1, len(COUNTRIES) + 1)
    drawn = shares(seen, 1 / power(rank, world.country))
    return np.append(drawn, exponent(seen, rank, np.ones(len(rank)), world.country / 8))


def items(events: Sample, world: World) -> Z:
    seen = np.bincount(events["item"][events["item"] >= 0], minlength=len(ITEMS))
    rank = np.arange(1, len(ITEMS) + 1)
    return np.array([exponent(seen, rank, np.ones(len(rank)), world.item / 8)])


def actions(events: Sample, world: World) -> Z:
    """What follows a launch, and how much of it: an event opens a visit by chance, but the first of a day always."""
    seen = np.bincount(events["action"], minlength=len(ACTIONS))
    opens = 1 / world.visit
    certain = len(np.unique(events["day"][events["action"] == LAUNCH]))
    free = seen.sum() - seen[INSTALL] - certain
    length = (seen[LAUNCH] - certain - free * opens) / np.sqrt(free * opens * (1 - opens))
    seen[[LAUNCH, INSTALL]] = 0
    return np.append(shares(seen, np.array(world.actions, np.float64)), length)


def seconds(events: Sample, world: World) -> Z:
    """Mean duration by action; the variance of a geometric distribution of mean m is m * (m - 1)."""
    result = []
    for action, mean in enumerate(world.seconds):
        spent = events["seconds"][events["action"] == action]
        tenths = 10 * mean
        result.append((spent.mean() - tenths) / np.sqrt(tenths * (tenths - 1) / len(spent)))
    return np.array(result)


def platforms(events: Sample, world: World) -> Z:
    install = events["action"] == INSTALL
    return shares(np.bincount(events["platform"][install], minlength=len(PLATFORMS)), np.array(world.platforms, float))


def late(events: Sample, world: World) -> Z:
    """One in a hundred; and how late they are is uniform."""
    delay = events["received"] - events["time"]
    held = delay[delay >= MINUTE]
    p, n = 1 / world.late, len(delay)
    width = LATEST - MINUTE
    mean = (held.mean() - MINUTE - width / 2) / (width / np.sqrt(12 * len(held)))
    return np.array([(len(held) - n * p) / np.sqrt(n * p * (1 - p)), mean])


CHECKS: dict[Callable[[Sample, World], Z], World] = {
    births: replace(WORLD, growth=1.00059),
    week: replace(WORLD, week=(92, 88, 90, 94, 110, 118, 108)),
    hours: replace(WORLD, hours=(*WORLD.hours[:20], 80, *WORLD.hours[21:])),
    returns: replace(WORLD, fading=(5, 7, 6, 7)),
    first_days: replace(WORLD, next_day=0.34),
    countries: replace(WORLD, country=9),
    items: replace(WORLD, item=8),
    actions: replace(WORLD, actions=(0, 45, 23, 14, 12, 6, 0)),
    seconds: replace(WORLD, seconds=(6, 60, 120, 26, 30, 10, 90)),
    platforms: replace(WORLD, platforms=(57, 38, 5)),
    late: replace(WORLD, late=90),
}
"""Each check beside a world in which the one thing that it looks at differs a little."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_events_follow_their_description(check: Callable[[Sample, World], Z]) -> None:
    assert np.abs(check(sample(WORLD), WORLD)).max() < BOUND


@pytest.mark.parametrize(("check", "other"), CHECKS.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_world_that_differs_is_told_apart(check: Callable[[Sample, World], Z], other: World) -> None:
    assert np.abs(check(sample(other), WORLD)).max() > BOUND


def test_gold_is_the_price_of_the_item_and_only_a_shop_sells() -> None:
    events = sample(WORLD)
    sold = events["action"] == SHOP
    assert ((events["item"] >= 0) == sold).all()
    assert ((events["gold"] >= 0) == sold).all()
    assert (events["gold"][sold] == prices()[events["item"][sold]]).all()
    assert (prices() == 0).sum() == len(ITEMS) // 100


def test_a_player_is_born_once_and_first() -> None:
    events = sample(WORLD)
    installs = events["player"][events["action"] == INSTALL]
    players, first = np.unique(events["player"], return_index=True)
    assert len(installs) == len(players) == players[-1]
    assert (events["action"][first] == INSTALL).all()
    for name in ("country", "platform"):
        assert (events[name] == events[name][first][events["player"] - 1]).all()

"""Needs: what is asked of a store, and at what prices."""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from rollup_bench.streams import registry
from rollup_bench.workloads.reading import blamed, read

LEAST, MOST = 1e-9, 1e12
"""Between these lie all numbers of needs and prices that are not 0, so that no price overflows."""
Amount = Annotated[float, msgspec.Meta(ge=0, le=MOST)]
Positive = Annotated[float, msgspec.Meta(ge=LEAST, le=MOST)]
DAYS_A_YEAR = 365.25
DAY = 86_400.0  # seconds
BROKERS = tuple(registry.names())
NAMED = ("ask", "broker", "engines", "prices")
"""The needs that are not numbers."""
Count = Annotated[int, msgspec.Meta(ge=1)]


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices in any one currency; a gigabyte is 1e9 bytes. The defaults are examples: give your own."""

    cpu_hour: Amount = 0.04  # of one core
    memory_gb_month: Amount = 3.0
    disk_gb_month: Amount = 0.1
    system_month: Amount = 0.0  # of running one system, whatever its size: the work of people
    cluster_hour: Amount | None = None  # of a machine like that of the run; then processor and memory cost nothing else


class Needs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a store. None of an optional need means that any value is accepted.

    `ask` says how often each question is asked, relative to the others; empty means as in the first mix of the dataset.
    """

    ask: dict[str, Positive] = {}
    rate: Positive = 1.0  # questions a second
    unforeseen: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0  # the share of questions that nobody foresaw
    p95_ms: Positive | None = None
    error: Amount | None = None  # the largest error of an estimate, as a fraction
    events_a_day: Amount = 0.0  # new events
    events_a_second: Amount = 0.0  # new events in the busiest second, which stores follow while they are asked
    fresh_seconds: Positive | None = None  # within which 99 of 100 new events are in answers
    broker: str | None = None  # through which new events come; None means any
    years: Positive | None = None  # how long events are kept
    disk_gb: Positive | None = None
    load_seconds: Positive | None = None  # until all events are loaded
    replicas: Count = 1  # copies of the events
    nodes: Count = 1  # machines of one store
    engines: list[str] = []  # that may be run; empty means any
    prices: Prices = Prices()

    def __post_init__(self) -> None:
        numbers = {**self.ask, **self.numbers}
        if self.broker not in (None, *BROKERS):
            raise ValueError(f"broker is {self.broker}; write {' or '.join(BROKERS)}")
        for name, value in numbers.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} is {value}; write a finite number")

    @property
    def numbers(self) -> dict[str, float | None]:
        """All needs and prices that are numbers, by name."""
        known = {**msgspec.structs.asdict(self), **msgspec.structs.asdict(self.prices)}
        return {name: value for name, value in known.items() if name not in NAMED}

    @property
    def follows(self) -> bool:
        """Whether stores must follow a stream of new events."""
        return self.fresh_seconds is not None or bool(self.events_a_second or self.broker)

    @property
    def rows(self) -> float:
        """The number of events that are kept; 0 if it is not given."""
        return self.events_a_day * DAYS_A_YEAR * (self.years or 0.0)


def a_second(rate: float) -> str:
    """Returns a rate of questions in words."""
    return f"{'1 question' if rate == 1 else f'{rate:g} questions'} a second"


def load(path: Path) -> Needs:
    """Reads needs from a TOML file; RequestError names the file and the wrong key."""
    with blamed(path, "give a TOML file with needs"):
        return read(tomllib.loads(path.read_text("utf-8")), Needs)


def changed(needs: Needs, values: Mapping[str, Any]) -> Needs:
    """Returns the needs with these values by the name of the need or price."""
    prices = {name: value for name, value in values.items() if name in Prices.__struct_fields__}
    others = {name: value for name, value in values.items() if name not in prices}
    return msgspec.structs.replace(needs, **others, prices=msgspec.structs.replace(needs.prices, **prices))

"""What a run measured, made by hand, so that the right choice is known."""

from collections.abc import Mapping
from math import ceil, log
from typing import Any
from zlib import crc32

import numpy as np

from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence, Store
from rollup_bench.harness.choose.needs import Needs, Prices, changed
from rollup_bench.harness.choose.responses import Loop, UnderLoad
from rollup_bench.harness.choose.rule import Decision, Rule

LAUNCHES = 8
BUSY = Needs(prices=Prices(cpu_hour=1.0, memory_gb_month=0.0, disk_gb_month=0.0))  # only processor time costs


def measured(value: float, name: str) -> Measured:
    """A figure that eight launches know to about 1%; figures of other names vary otherwise."""
    noise = np.random.default_rng(crc32(name.encode())).normal(0, 0.01, LAUNCHES)
    return Measured.of(dict(enumerate((value * np.exp(noise - noise.mean())).tolist())))


def store(arm: str, seconds: Mapping[str, float], **others: Any) -> Store:
    """A store with these processor seconds by question, of no size unless `others` say it."""
    sizes: dict[str, Any] = {"memory": 0.0, "bytes": 0.0, "load": measured(10.0, arm), "ingest": measured(1e-6, arm)}
    processor = {name: measured(each, f"{arm} {name}") for name, each in seconds.items()}
    return Store(arm, processor, **{**sizes, **others})


def loop(rate: float, milliseconds: Mapping[str, float], requests: int = 1000) -> Loop:
    """A sustained open loop in which all responses of a question took equally long."""
    return Loop(rate, {name: {ceil(log(time) / log(1.05)): requests} for name, time in milliseconds.items()})


def loops(*each: Loop) -> UnderLoad:
    """What a store showed under load."""
    return UnderLoad(list(each))


def run(*stores: Store, **others: Any) -> Evidence:
    """A run of these stores with two cores."""
    questions = list(dict.fromkeys(name for one in stores for name in [*one.processor, *one.cannot, *one.unsure]))
    header: dict[str, Any] = {"name": "r.jsonl", "dataset": "game", "option": "game", "rows": 1_000_000, "cores": 2}
    return Evidence(**{**header, "days": 3650.0, "stores": list(stores), "questions": questions, **others})


def decide(evidence: Evidence, **values: Any) -> Decision:
    """The decision for needs with these values, at a price of processor time alone if they name no other."""
    return Rule(evidence, changed(BUSY, values)).choose()

"""Lines of a file of streams, made by hand: what a store shows that answers a second after each question is due."""

import msgspec

from rollup_bench.harness.records.streams import Asked, Delays, Followed, Header, Kill, Kind, Record, Unsupported
from rollup_bench.harness.stats import histograms

EVENTS, RATE, GAP = 1_000, 100.0, 0.5
"""Events of the stream, events a second, and the seconds from one question to the next."""
HEADER = Header(
    dataset="game",
    events=EVENTS,
    rate=RATE,
    live=True,
    late=0.01,
    asked=1 / GAP,
    broker="kafka",
    seed=1,
    machine={"processor": "a processor", "cores": 2},
    versions={"duckdb": "2.0.0"},
    budget={"cores": 2, "memory": 1 << 30},
    scope=["one node"],
    adapters={},
    started="2026-01-01T00:00:00+00:00",
)


def followed(
    arm: str = "duckdb/raw", launch: int = 0, delay: float = 0.2, kill: Kill | None = None, rate: float = RATE
) -> Followed:
    """A stream whose events are visible `delay` seconds after they were due; answers take no time."""
    late = histograms.encode([500])
    return Followed(
        arm=arm,
        launch=launch,
        answers=[_asked(GAP * number, delay, rate) for number in range(int((EVENTS / rate + 2) / GAP))],
        quiet=[_asked(20.0, delay, rate)],
        final={"daily-players": "right"},
        stored=EVENTS,
        left_out={},
        failures={},
        sent=late,
        published=late,
        processor={"follower": 1.0, "broker": 0.5},
        written={"follower": 300 * EVENTS, "broker": 150 * EVENTS},
        message_bytes=120 * EVENTS,
        resident=[1 << 27] * 9,
        kill=kill,
    )


def _asked(at: float, delay: float, rate: float) -> Asked:
    visible = min(max(int((at - delay) * rate + 1), 0), EVENTS)
    return Asked("daily-players", at, at, at, Kind.RIGHT, visible, visible)


def lines() -> list[Record]:
    """A header, two arms in two launches, a bridge, an arm that is refused, and the delays of a broker."""
    streams = [followed(arm, launch) for launch in range(2) for arm in ("duckdb/raw", "duckdb/day")]
    bridged = msgspec.structs.replace(followed("druid/raw"), bridged=True)
    refused = Unsupported(arm="cassandra/tuned", launch=0, reason="tuned follows no stream")
    some = {"sent": histograms.encode([100]), "received": histograms.encode([9_000])}
    delays = [
        Delays(broker=name, launch=0, rate=rate, messages=10, bytes=990, published=histograms.encode([5_000]), **some)
        for name in ("kafka", "pulsar")
        for rate in (1e3, 5e3)
    ]
    return [HEADER, *streams, bridged, refused, *delays]

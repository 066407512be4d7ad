"""Measures how long messages take through each broker by itself: until they are acknowledged, and until they are read.

`python -m experiments.broker_delays [--brokers kafka,pulsar] [--rates 1000,5000,20000] [--seconds 20] [--launches 5]
[--out FILE]`. Each broker sends the same events of `game` at the same rates. In each launch a broker is started, unless
it runs already, and warmed up at the highest rate; no other broker is started meanwhile. One process publishes at
instants fixed beforehand, and one reads. The figures are medians over the launches, with the least and the most.
"""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any

import click
import numpy as np

from rollup_bench.errors import FailureError
from rollup_bench.harness.follow.arm import histogram
from rollup_bench.harness.follow.sending import Outlet, sending
from rollup_bench.harness.follow.stream import encoded
from rollup_bench.harness.records.run_log import write
from rollup_bench.harness.records.streams import Delays
from rollup_bench.harness.report.delays import delays_table
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run.home import home
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.streams.contract import Broker
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store

TOPIC = "delays"
AHEAD, PATIENCE = 1.0, 60.0
"""Seconds before the first message, and in which the last one must be read."""
MOST, WAIT = 10_000, 0.1


def measured(broker: Broker, messages: Sequence[bytes], rate: float, launch: int) -> Delays:
    """Sends messages at a rate through a topic of their own, and reads them."""
    received = np.full(len(messages), np.inf)
    outlet = Outlet(broker.name, broker.connection, TOPIC)
    with broker.created(TOPIC), broker.consumer(TOPIC) as consumer, sending(outlet, messages, rate) as sender:
        start = time.monotonic() + AHEAD
        reader = Thread(target=_read, args=(consumer, received, start + len(messages) / rate + PATIENCE), daemon=True)
        reader.start()
        sender.start(start)
        sender.wait(Watch(seconds=len(messages) / rate + PATIENCE))
        reader.join()
    if np.isinf(received).any():
        raise FailureError(f"{broker.name}: {np.isinf(received).sum()} messages were not read in {PATIENCE:g} s")
    due = start + np.arange(len(messages)) / rate
    sent, published, arrived = (histogram(times - due) for times in (sender.sent, sender.acknowledged, received))
    return Delays(
        broker=broker.name,
        launch=launch,
        rate=rate,
        messages=len(messages),
        bytes=sum(map(len, messages)),
        sent=sent,
        published=published,
        received=arrived,
    )


def _read(consumer: Any, received: Seconds, until: float) -> None:
    """Notes when each message was read; messages of a topic are read in the order in which they were sent."""
    count = 0
    while count < len(received) and time.monotonic() < until:
        found = len(consumer.read(MOST, WAIT))
        received[count : count + found] = time.monotonic()
        count += found


@click.command()
@click.option("--brokers", default=",".join(registry.names()), show_default=True)
@click.option("--rates", default="1000,5000,20000", show_default=True, help="Messages a second.")
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--launches", default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="File to write, a line for each measurement.")
def main(brokers: str, rates: str, seconds: float, launches: int, out: Path | None) -> None:
    """Measures and prints."""
    wanted = [float(rate) for rate in rates.split(",")]
    rows = round(max(wanted) * seconds)
    with progress() as say:
        game = datasets.read("game").sized(rows, 1)
        messages = list(encoded(event_store.prepare(game, home(), say)))
        lines = []
        for launch in range(launches):
            for name in random.Random(launch).sample(brokers.split(","), len(brokers.split(","))):
                with registry.running(name, "native", home(), say) as server:
                    broker = registry.broker(name, server.connection)
                    say(f"launch {launch + 1}: {name} warms up")
                    measured(broker, messages, max(wanted), launch)
                    for rate in wanted:
                        say(f"launch {launch + 1}: {name}, {rate:g} messages a second")
                        lines.append(measured(broker, messages[: round(rate * seconds)], rate, launch))
                        if out:
                            write(out, lines)
    delays_table(lines, console())


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))

"""The command that tries what a broker can do."""

import click
import msgspec

from rollup_bench.harness.cli.options import via_option
from rollup_bench.harness.report.probes import probe_table
from rollup_bench.harness.report.terminal import console, progress
from rollup_bench.harness.run.home import home
from rollup_bench.streams import registry
from rollup_bench.streams.probes import probed


@click.command()
@click.argument("broker", type=click.Choice(registry.names()))
@via_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Form of the outcomes.")
def probe(broker: str, via: str, form: str) -> None:
    """Tries what a BROKER can do, and prints what was seen: replay, deduplication, transactions, and more."""
    with progress() as say, registry.running(broker, via, home(), say) as server:
        outcomes = []
        for outcome in probed(registry.probes(registry.broker(broker, server.connection))):
            say(f"{broker}: {outcome.capability}")
            outcomes.append(outcome)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(outcomes)))
    else:
        probe_table(outcomes, console())


commands = (probe,)

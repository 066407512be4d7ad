"""The options for needs and prices, which several commands share."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from rollup_bench.harness.choose import needs
from rollup_bench.harness.choose.needs import BROKERS, LEAST, MOST, Needs
from rollup_bench.harness.cli.options import finite, optional_engines


def _from(least: float) -> Callable[[str], float]:
    """Returns a type of options, numbers from `least` to MOST, for which Click prints no range of 22 characters."""

    def number(value: str) -> float:
        with suppress(ValueError):
            if least <= float(value) <= MOST:
                return float(value)
        raise click.BadParameter(f"`{value}` is not a number from {least:g} to {MOST:g}")

    return number


_AT_LEAST_0, _ABOVE_0 = _from(0), _from(LEAST)
_OPTIONS: dict[str, tuple[Any, str]] = {
    "rate": (_ABOVE_0, "Questions a second (1)."),
    "unforeseen": (click.FloatRange(0, 1), "Share of the questions that nobody foresaw, 0 to 1 (0)."),
    "p95-ms": (_ABOVE_0, "Milliseconds within which 95 of 100 answers must arrive (any)."),
    "error": (_AT_LEAST_0, "Largest error of an estimate, as a fraction (as each question tolerates)."),
    "events-a-day": (_AT_LEAST_0, "New events a day (0)."),
    "events-a-second": (_AT_LEAST_0, "New events in the busiest second, which stores follow while they are asked (0)."),
    "fresh-seconds": (_ABOVE_0, "Seconds within which 99 of 100 new events must be in answers (any)."),
    "years": (_ABOVE_0, "Years for which events are kept."),
    "disk-gb": (_ABOVE_0, "Most gigabytes on disk (any)."),
    "load-seconds": (_ABOVE_0, "Most seconds until all events are loaded (any)."),
    "replicas": (click.IntRange(1), "Copies of all events (1)."),
    "nodes": (click.IntRange(1), "Machines of a store (1)."),
    "cpu-hour": (_AT_LEAST_0, "Price of a core for an hour (0.04)."),
    "memory-gb-month": (_AT_LEAST_0, "Price of a gigabyte of memory for a month (3)."),
    "disk-gb-month": (_AT_LEAST_0, "Price of a gigabyte on disk for a month (0.1)."),
    "system-month": (_AT_LEAST_0, "Price of running one system for a month, besides its machine (0)."),
    "cluster-hour": (_ABOVE_0, "Price of a machine like that of the run for an hour, in place of cores and memory."),
}
NEEDS = "TOML file with needs, which the options below override."
BROKER = "Broker through which new events come (any)."
ENGINES = "Engines that may be run (any)."
ASK = "How often a question is asked, relative to the others (as in the dataset's first mix)."


def _weights(_context: click.Context, _option: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    weights = {}
    for value in values:
        question, _, weight = value.partition("=")
        try:
            weights[question] = float(weight)
        except ValueError:
            raise click.BadParameter(f"`{value}` is not a question and a number, as in carriers=3") from None
        if not LEAST <= weights[question] <= MOST:
            remedy = f"write a number from {LEAST:g} to {MOST:g}, and leave out what is never asked"
            raise click.BadParameter(f"`{value}`: {remedy}")
    return weights


def need_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options for a file of needs, for each need and for each price, in this order."""
    for name, (kind, text) in reversed(_OPTIONS.items()):
        command = click.option(f"--{name}", type=kind, callback=finite, help=text)(command)
    command = click.option("--broker", type=click.Choice(BROKERS), help=BROKER)(command)
    command = click.option("--engines", default="", callback=optional_engines, metavar="A,B", help=ENGINES)(command)
    command = click.option("--ask", multiple=True, callback=_weights, metavar="QUESTION=WEIGHT", help=ASK)(command)
    return click.option("--needs", type=click.Path(path_type=Path), help=NEEDS)(command)


def given_needs(options: Mapping[str, Any]) -> Needs:
    """Returns the needs that the options of a command say; RequestError names what is wrong in a file of needs."""
    file: Path | None = options["needs"]
    values = {name: value for name, value in options.items() if name != "needs" and value not in (None, {}, [])}
    return needs.changed(needs.load(file) if file else Needs(), values)

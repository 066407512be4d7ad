"""Options and arguments that several commands share; each value is checked before the command starts."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import get_args

import click

from rollup_bench.engines.registry import names
from rollup_bench.errors import RequestError
from rollup_bench.harness.describe.times import Order
from rollup_bench.servers import WAYS
from rollup_bench.streams import registry as brokers
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import Layout


def _parts(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    return list(dict.fromkeys(part for part in value.split(",") if part))


def _nonempty(context: click.Context, option: click.Parameter, value: str) -> list[str]:
    if not (parts := _parts(context, option, value)):
        raise click.BadParameter("the list is empty; name at least one, or several as in a,b")
    return parts


def _engine(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value not in names():
        raise click.BadParameter(f"`{value}` is not an engine; the engines are {', '.join(names())}")
    return value


def _engines(context: click.Context, option: click.Parameter, value: str) -> list[str]:
    return optional_engines(context, option, ",".join(_nonempty(context, option, value)))


def optional_engines(context: click.Context, option: click.Parameter, value: str) -> list[str]:
    """Checks the value of an option that lists engines, or none."""
    return [_engine(context, option, name) for name in _parts(context, option, value)]


def finite(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """Checks the value of an option that is a number, or not given."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"`{value}` is not a finite number")
    return value


def _server_arguments(_context: click.Context, _option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if name not in (*names(), *brokers.names()):
            known = f"the engines are {', '.join(names())}; the brokers are {', '.join(brokers.names())}"
            raise click.BadParameter(f"`{name}` is neither an engine nor a broker; {known}")
    return value


def _separator(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and len(value) != 1:
        raise click.BadParameter(f"`{value}` is not one character; a space stands for any run of spaces and tabs")
    return value


def _writable(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        existing = next(path for path in (value.absolute(), *value.absolute().parents) if path.exists())
        if not os.access(existing, os.W_OK) or not (existing.is_dir() or existing == value.absolute()):
            raise click.BadParameter(f"`{value}` cannot be written: {existing} is not a writable folder")
    return value


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    engine, given, address = value.partition("=")
    if engine != "spark" or bool(given) != bool(address):
        shown = value if engine == "spark" else engine.partition(":")[0]  # an address may hold a token
        raise click.BadParameter(f"`{shown}` is not spark; give spark, or spark=sc://host for a Spark of your own")
    return address


def spark_option(name: str, help: str) -> Callable[..., Callable[..., None]]:
    """Returns an option that takes `spark` or `spark=ADDRESS`; its value is the address, or empty without one."""
    return click.option(name, callback=_address, metavar="spark[=ADDRESS]", help=help)


def out_option(folder: bool = False, required: bool = False, help: str = "") -> Callable[..., Callable[..., None]]:
    """Returns the option `--out`, which takes a file or, with `folder`, a folder."""
    path = click.Path(path_type=Path, file_okay=not folder, dir_okay=folder)
    return click.option("--out", type=path, callback=_writable, required=required, help=help)


DATASET = "Name of a built-in dataset, or path of a TOML file."
dataset_option = click.option("--dataset", default="flights", show_default=True, help=DATASET)
rows_option = click.option("--rows", type=click.IntRange(1), help="Number of events; only for a generated dataset.")
seed_option = click.option(
    "--seed", type=click.IntRange(0), help="Seed of random numbers: generated events, drawn dates and orders."
)
VIA = "Servers: processes here (native), containers here (compose), or your own cluster (external)."
via_option = click.option("--via", type=click.Choice(sorted(WAYS)), default="native", show_default=True, help=VIA)
ENGINE = "Engine; truth is the program that computes the right answer."
engine_option = click.option("--engine", default="duckdb", callback=_engine, show_default=True, help=ENGINE)


def engines_default(names: str) -> Callable[..., Callable[..., None]]:
    """Returns the option `--engines`, a list of engines whose default is `names`, separated by commas."""
    return click.option(
        "--engines", default=names, callback=_engines, metavar="A,B", show_default=True, help="Engines to measure."
    )


engines_option = engines_default("duckdb")
LAYOUT = "Layout to ask; raw stores each event."
layout_option = click.option("--layout", default=layouts.RAW, show_default=True, help=LAYOUT)
LAYOUTS = "Layouts to load and ask; all means every layout of the dataset."
layouts_option = click.option(
    "--layouts", default=layouts.RAW, callback=_nonempty, metavar="A,B", show_default=True, help=LAYOUTS
)
questions_option = click.option(
    "--questions", default="", callback=_parts, metavar="A,B", help="Questions to check; by default all of the dataset."
)
SEPARATOR = "Character between columns of a text file, if the wrong one is found; a space means any run of blanks."
separator_option = click.option("--separator", callback=_separator, help=SEPARATOR)
DATES = "Order of dates such as 05/06/2020, if their values do not tell it."
dates_option = click.option("--dates", type=click.Choice(get_args(Order)), help=DATES)
engine_argument = click.argument("engine", callback=_engine)
servers_argument = click.argument("servers", nargs=-1, callback=_server_arguments, metavar="[SERVER]...")


def layouts_of(dataset: Dataset, names: list[str]) -> list[Layout]:
    """Returns the named layouts of the dataset, or every layout for `all`. RequestError if the dataset lacks one."""
    with blaming("--layouts"):
        return [dataset.layout(name) for name in (dataset.layouts if names == ["all"] else names)]


@contextmanager
def blaming(culprit: str) -> Iterator[None]:
    """Puts `culprit`, the flag or question at fault, before the text of a RequestError of the `with` block."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{culprit}: {error}") from None

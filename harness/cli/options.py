"""Options that several commands take, checked before anything is done."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from rollup_bench.engines.registry import names
from rollup_bench.errors import RequestError
from rollup_bench.servers import WAYS
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import Layout


def _parts(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    return list(dict.fromkeys(part for part in value.split(",") if part))


def _some(context: click.Context, option: click.Parameter, value: str) -> list[str]:
    if not (parts := _parts(context, option, value)):
        raise click.BadParameter("at least one is wanted")
    return parts


def _engine(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value not in names():
        raise click.BadParameter(f"`{value}` is not an engine; there are {', '.join(names())}")
    return value


def _engines(context: click.Context, option: click.Parameter, value: str) -> list[str]:
    return [_engine(context, option, one) for one in _some(context, option, value)]


def _several(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_engine(context, option, one) for one in value)


def _separator(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if len(value) != 1:
        raise click.BadParameter(f"`{value}` is not one character; a space stands for any run of blanks")
    return value


def _writable(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        there = next(p for p in (value.absolute(), *value.absolute().parents) if p.exists())
        if not os.access(there, os.W_OK) or not (there.is_dir() or there == value.absolute()):
            raise click.BadParameter(f"`{value}` cannot be written: {there} is no folder to write into")
    return value


def out_option(folder: bool = False, required: bool = False, help: str = "") -> Callable[..., Callable[..., None]]:
    """`--out`: a file, or a folder of them."""
    path = click.Path(path_type=Path, file_okay=not folder, dir_okay=folder)
    return click.option("--out", type=path, callback=_writable, required=required, help=help)


dataset_option = click.option("--dataset", default="flights", show_default=True, help="A built-in one, or a TOML file.")
rows_option = click.option("--rows", type=click.IntRange(1), help="How many, where the dataset is made to order.")
seed_option = click.option("--seed", type=click.IntRange(0), help="Of events made to order, and with it of all chance.")
via_option = click.option(
    "--via", type=click.Choice(sorted(WAYS)), default="native", show_default=True, help="How servers are started."
)
engine_option = click.option(
    "--engine", default="duckdb", callback=_engine, show_default=True, help="The engine to ask, or truth."
)


def engines_default(names: str) -> Callable[..., Callable[..., None]]:
    """`--engines`, with these if none are given."""
    return click.option(
        "--engines", default=names, callback=_engines, metavar="A,B", show_default=True, help="Engines to compare."
    )


engines_option = engines_default("duckdb")
layout_option = click.option("--layout", default=layouts.RAW, show_default=True, help="The layout to ask on.")
layouts_option = click.option(
    "--layouts",
    default=layouts.RAW,
    callback=_some,
    metavar="A,B",
    show_default=True,
    help="Layouts to load, or `all`.",
)
questions_option = click.option(
    "--questions", default="", callback=_parts, metavar="A,B", help="Questions to ask; all of the dataset's if none."
)
separator_option = click.option(
    "--separator", default=",", callback=_separator, help="Of a text file's columns; a space: any run of blanks."
)
engine_argument = click.argument("engine", callback=_engine)
engines_argument = click.argument("engines", nargs=-1, callback=_several, metavar="[ENGINE]...")


def layouts_of(dataset: Dataset, names: list[str]) -> list[Layout]:
    """The layouts that `--layouts` names, or all that the dataset has; RequestError for one that it has not."""
    with blaming("--layouts"):
        return [dataset.layout(name) for name in (dataset.layouts if names == ["all"] else names)]


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Names the flag or the question that is at fault."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{what}: {error}") from None

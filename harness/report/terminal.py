"""The terminal: what goes to a person, and how a call ends."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.text import Text

from rollup_bench.engines.failures import described
from rollup_bench.errors import FailureError, RequestError

WIDE = 10_000


def console() -> Console:
    """Standard output: as wide as the terminal; where it is none, as wide as what is shown, and nothing is folded."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)


def spared(headings: Sequence[str], console: Console) -> None:
    """Says which columns of a table had no room."""
    console.print(f"[dim]a wider terminal shows {', '.join(headings)} too[/dim]")


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Shows what is being done, on standard error: a line that changes, or nothing where that is no terminal."""
    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(Text(text))


def printed(say: Callable[[str], None]) -> Callable[[str], None]:
    """Progress as lines of their own where standard error is no terminal; else as `say` shows it."""
    return say if sys.stderr.isatty() else partial(click.echo, err=True)


class Group(click.Group):
    """Commands; help where none is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an interrupt ends it without the empty line that Click would write."""
        try:
            result = super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return result


def ended(call: Callable[[], object]) -> None:
    """Calls; exits with 2 and one line where the request is at fault, with 1 where something failed."""
    try:
        call()
        sys.stdout.flush()
    except click.ClickException as error:
        _end(error.format_message(), 2)
    except RequestError as error:
        _end(str(error), 2)
    except (click.Abort, KeyboardInterrupt):
        _end("stopped", 130)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}" if error.filename else described(error), 1)
    except (FailureError, OverflowError) as error:
        _end(str(error), 1)


def _end(line: str, status: int) -> NoReturn:
    click.echo(f"rollup-bench: {' '.join(line.split())}", err=True)
    sys.exit(status)

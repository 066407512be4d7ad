"""Prints output for people and progress, and ends a command with its exit status."""

import os
import re
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from rollup_bench.engines.failures import described
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.report import drawings

EVERY = 9.5
"""The seconds between lines of progress without a terminal, so that they are less than 10 seconds apart."""
BAR = 10
"""The characters of a bar of progress."""
PERCENT = re.compile(r"(\d+)%")
UNLIMITED = 10_000
"""The width of tables, in characters, if standard output is not a terminal."""


def console() -> Console:
    """Returns a console for standard output, as wide as the terminal or COLUMNS; without both, UNLIMITED wide."""
    return Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else UNLIMITED)


def say_omitted(headings: Sequence[str], console: Console) -> None:
    """Prints which columns of a table were omitted because the terminal is too narrow."""
    console.print(f"[dim]a wider terminal also shows {', '.join(headings)}[/dim]")


def print_item(text: str, console: Console) -> None:
    """Prints a text whose lines after the first are indented by two more characters."""
    indent = " " * (len(text) - len(text.lstrip()) + 2)
    lines = textwrap.wrap(text, console.width, subsequent_indent=indent, break_on_hyphens=False)
    console.print(Text("\n".join(lines)))


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yields a function that shows progress on standard error: in one line of a terminal; elsewhere by `Lines`."""
    if not sys.stderr.isatty():
        lines = Lines()
        with lines.repeated():
            yield lines
        return
    screen = Console(stderr=True)
    with screen.status("starting") as status:
        yield lambda text: status.update(barred(text, screen.width - len("⠋ ")))


def barred(text: str, width: int) -> Text:
    """The text, cut to `width` characters. A bar of its first percentage stands before it, if both fit."""
    found = PERCENT.search(text)
    bar = f"{drawings.bar(min(int(found[1]), 100), 100, BAR):░<{BAR}} " if found else ""
    line = Text.assemble((bar if cell_len(bar + text) <= width else "", "blue"), text)
    line.truncate(width, overflow="ellipsis")
    return line


class Lines:
    """Prints a text as a line on standard error if the last line, or the start, is `EVERY` seconds ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last, self._text = clock, clock(), "starting"
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        """Prints the text, or leaves it out."""
        with self._lock:
            self._text = text
            self._print()

    def _print(self) -> None:
        if self._clock() - self._last >= EVERY:
            self._last = self._clock()
            click.echo(self._text, err=True)

    @contextmanager
    def repeated(self) -> Iterator[None]:
        """Repeats the last text during the block, so that work that reports nothing for long is seen to go on."""
        ended = threading.Event()

        def repeat() -> None:
            while not ended.wait(max(self._last + EVERY - self._clock(), 0.1)):
                with self._lock:
                    self._print()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def printed(say: Callable[[str], None]) -> Callable[[str], None]:
    """Returns `say` if standard error is a terminal; else a function that prints each text there as a line."""
    return say if sys.stderr.isatty() else partial(click.echo, err=True)


class Group(click.Group):
    """A group of commands that prints its help if no command is named."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; an interrupt aborts the command without the empty line that Click prints."""
        try:
            result = super().invoke(ctx)
        except KeyboardInterrupt:
            raise click.Abort from None
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return result


def ended(call: Callable[[], object]) -> None:
    """Calls a function; an error ends the program with one line and status 2 (bad request), 130 (interrupt) or 1."""
    try:
        call()
        sys.stdout.flush()
    except click.ClickException as error:
        _end(error.format_message(), 2)
    except RequestError as error:
        _end(str(error), 2)
    except (click.Abort, KeyboardInterrupt):
        _end("stopped", 130)
    except BrokenPipeError:  # the program that reads standard output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}" if error.filename else described(error), 1)
    except (FailureError, OverflowError) as error:
        _end(str(error), 1)


def _end(line: str, status: int) -> NoReturn:
    click.echo(f"rollup-bench: {' '.join(line.split())}", err=True)
    sys.exit(status)

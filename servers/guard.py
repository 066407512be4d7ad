"""Runs a command when this process ends, however it ends."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from rollup_bench.errors import FailureError

DOWN = 300.0
"""Seconds in which a server must stop; each of its stages is asked to end, and killed if it does not."""


@contextmanager
def guarded(command: Sequence[str], inherited: int) -> Iterator[Callable[[], object]]:
    """Runs `command` when the block or this process ends, unless the function that it yields was called before.

    The process of the command inherits the open file `inherited`. FailureError if the command takes too long.
    """
    shell = subprocess.Popen(  # reads a pipe: exits after a line, runs the command when the pipe closes
        ["/bin/sh", "-c", 'read -r _ || exec "$@"', "guard", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[inherited],
    )
    assert shell.stdin
    try:
        yield partial(shell.stdin.write, b"done\n")
    finally:
        try:
            shell.communicate(timeout=DOWN)
        except subprocess.TimeoutExpired:
            raise FailureError(f"the server did not stop within {DOWN:g} s") from None

"""Runs a command when a block ends, or when this process ends, even if the process is killed."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from rollup_bench.errors import FailureError

DOWN = 300.0
"""Seconds in which a server must stop; each of its stages is asked to end, and killed if it does not."""


@contextmanager
def guarded(command: Sequence[str], inherited: int) -> Iterator[Callable[[], object]]:
    """Runs `command` when the block or this process ends, unless the block has called the yielded function.

    `command` inherits the open file descriptor `inherited`. FailureError if `command` takes longer than 300 s.
    """
    shell = subprocess.Popen(  # this shell reads a pipe: it exits after a line, or runs the command if the pipe closes
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

"""Runs a command when this process ends without having said that it must not, however it ends."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rollup_bench.errors import FailureError

DOWN = 300.0
"""Seconds in which a server must be down: each of its stages is asked to end, and then killed."""


class Guard:
    """A shell that waits on a pipe from us: a line sends it home, the pipe's end makes it run the command."""

    def __init__(self, command: Sequence[str], inherited: int) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", 'read -r _ || exec "$@"', "guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[inherited],
        )

    def disarm(self) -> None:
        """The command is not run any more."""
        if self._shell.stdin and not self._shell.stdin.closed and self._shell.poll() is None:
            self._shell.stdin.write(b"done\n")

    def close(self) -> None:
        """Runs the command unless disarmed, and waits for it; FailureError where that takes too long."""
        try:
            self._shell.communicate(timeout=DOWN)
        except subprocess.TimeoutExpired:
            raise FailureError(f"what was started is not down after {DOWN:g} s") from None


@contextmanager
def guarded(command: Sequence[str], inherited: int) -> Iterator[Guard]:
    """Runs `command` at the end of the block or of this process; it inherits an open file."""
    guard = Guard(command, inherited)
    try:
        yield guard
    finally:
        guard.close()

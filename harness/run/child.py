"""Messages of a child process: a text says why the process failed, and anything else is a result."""

from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from rollup_bench.errors import FailureError


def received(process: BaseProcess, pipe: Connection, name: str, seconds: float | None = None) -> Any:
    """Returns the next result, for which it waits at most `seconds`; None waits without end.

    FailureError, which begins with `name`, if the process has failed, has ended or is silent.
    """
    try:
        message = pipe.recv() if pipe.poll(seconds) else f"it did not report within {seconds:g} s"
    except (EOFError, OSError):
        message = ended(process)
    if isinstance(message, str):
        raise FailureError(f"{name}: {message}")
    return message


def ended(process: BaseProcess) -> str:
    """Returns in words how a process ended that has closed its pipe."""
    process.join(1)
    return f"it ended with status {process.exitcode}"

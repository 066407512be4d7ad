"""The home folder, which holds events, records of loads, data of servers, and files of runs."""

import os
from pathlib import Path

from rollup_bench.errors import RequestError

VARIABLE = "ROLLUP_BENCH_HOME"


def home() -> Path:
    """Returns the home folder: the folder that ROLLUP_BENCH_HOME names, or else `.rollup-bench` in the current folder.

    Creates the home folder if it is missing; raises RequestError if the folder cannot be created or written.
    """
    path = Path(os.environ.get(VARIABLE) or ".rollup-bench").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; set {VARIABLE} to a writable folder") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise RequestError(f"{path} is not writable; set {VARIABLE} to a writable folder")
    return path

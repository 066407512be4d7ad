"""The home folder: it holds events, loads, servers and runs."""

import os
from pathlib import Path

from rollup_bench.errors import RequestError

VARIABLE = "ROLLUP_BENCH_HOME"


def home() -> Path:
    """Returns `.rollup-bench` in the current folder, or the folder that ROLLUP_BENCH_HOME names.

    Creates the folder if it is missing; raises RequestError if it is not writable.
    """
    path = Path(os.environ.get(VARIABLE) or ".rollup-bench").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; set {VARIABLE} to a writable folder") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise RequestError(f"{path} is not writable; set {VARIABLE} to a writable folder")
    return path

"""Where things are kept between runs."""

import os
from pathlib import Path

from rollup_bench.errors import RequestError

VARIABLE = "ROLLUP_BENCH_HOME"


def home() -> Path:
    """The folder of events, loads and servers: `.rollup-bench` here, or what ROLLUP_BENCH_HOME names.

    Made if it is not there; RequestError where it cannot be written.
    """
    path = Path(os.environ.get(VARIABLE) or ".rollup-bench").absolute()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; {VARIABLE} names a folder that can be written") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise RequestError(f"{path} cannot be written; {VARIABLE} names a folder that can")
    return path

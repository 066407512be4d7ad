"""Ends a process after the functions registered for its exit."""

import atexit
import os
import sys
from typing import NoReturn


def end_process(status: int) -> NoReturn:
    """Runs the functions registered with `atexit`, and ends the process.

    Python itself would abort if a library's thread still reads at exit.
    """
    try:
        atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    finally:
        os._exit(status)

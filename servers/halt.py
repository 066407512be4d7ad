"""Ends the processes that a file lists: python -m rollup_bench.servers.halt FILE."""

import sys
from pathlib import Path

from rollup_bench.servers.processes import end

if __name__ == "__main__":
    end(Path(sys.argv[1]))

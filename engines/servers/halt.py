"""Ends the processes that a file remembers: python -m engines.servers.halt FILE."""

import sys
from pathlib import Path

from engines.servers.processes import end

if __name__ == "__main__":
    end(Path(sys.argv[1]))

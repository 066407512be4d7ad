"""Pins the versions of jars that Maven resolves now, for every engine in `engines/` with a pom: part of `make lock`."""

import tempfile
from pathlib import Path

from rollup_bench.engines.registry import HERE
from rollup_bench.servers import pins
from rollup_bench.servers.java import fetch
from rollup_bench.servers.watch import Watch

if __name__ == "__main__":
    for pom in sorted(HERE.glob("*/pom.xml")):
        with tempfile.TemporaryDirectory() as folder:
            fetch(pom, Path(folder), Watch(print))
            pins.write(Path(folder), pom.with_name(pins.FILE))

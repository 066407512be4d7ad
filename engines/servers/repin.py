"""Pins the jars of every engine that comes along, as Maven resolves them now: part of `make lock`."""

import tempfile
from pathlib import Path

from engines.registry import HERE
from engines.servers import pins
from engines.servers.java import fetch
from engines.watch import Watch

if __name__ == "__main__":
    for pom in sorted(HERE.glob("*/pom.xml")):
        with tempfile.TemporaryDirectory() as folder:
            fetch(pom, Path(folder), Watch(print))
            pins.write(Path(folder), pom.with_name(pins.FILE))

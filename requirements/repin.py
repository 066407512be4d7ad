"""Pins the versions of jars that Maven resolves now, for every engine and broker with a pom: part of `make lock`."""

import tempfile
from pathlib import Path

from rollup_bench.servers import pins
from rollup_bench.servers.java import fetch
from rollup_bench.servers.watch import Watch

ROOT = Path(__file__).parents[1]


def poms(root: Path) -> list[Path]:
    """The Maven files of engines and brokers."""
    return sorted(path for folder in ("engines", "streams") for path in root.glob(f"{folder}/*/pom.xml"))


if __name__ == "__main__":
    for pom in poms(ROOT):
        with tempfile.TemporaryDirectory() as folder:
            fetch(pom, Path(folder), Watch(print))
            pins.write(Path(folder), pom.with_name(pins.FILE))

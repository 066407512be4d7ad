"""The pinned jars of a server: the file `jars.sha256` beside pom.xml, in the format that `sha256sum --check` reads."""

import hashlib
from pathlib import Path

from rollup_bench.errors import FailureError, RequestError

FILE = "jars.sha256"


def check(folder: Path, pinned: Path) -> None:
    """FailureError names a jar that differs between `folder` and the list `pinned`; RequestError without the list."""
    try:
        lines = pinned.read_text("utf-8").split()
    except OSError as error:
        raise RequestError(f"{pinned}: {error.strerror}; it must list the jars as sha256sum prints them") from None
    expected, fetched = dict(zip(lines[1::2], lines[::2], strict=True)), _hashes(folder)
    for jar in sorted(expected.keys() | fetched.keys()):
        if expected.get(jar) != fetched.get(jar):
            fault = "is missing" if jar not in fetched else "has another hash" if jar in expected else "is not pinned"
            raise FailureError(f"{jar} {fault}; run make lock if the fetched jars shall replace those in {pinned}")


def write(folder: Path, pinned: Path) -> None:
    """Writes the names and SHA-256 hashes of the jars in `folder` into the file `pinned`."""
    pinned.write_text("".join(f"{digest}  {jar}\n" for jar, digest in sorted(_hashes(folder).items())), "utf-8")


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

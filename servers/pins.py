"""The pinned jars of a server: `jars.sha256` beside its pom, as `sha256sum --check` reads it."""

import hashlib
from pathlib import Path

from rollup_bench.errors import FailureError, RequestError

FILE = "jars.sha256"


def check(folder: Path, pinned: Path) -> None:
    """FailureError, naming a jar, where those in the folder are not the pinned ones to the byte."""
    try:
        lines = pinned.read_text("utf-8").split()
    except OSError as error:
        raise RequestError(f"{pinned}: {error.strerror}; expected its jars as sha256sum prints them") from None
    wanted, found = dict(zip(lines[1::2], lines[::2], strict=True)), _hashes(folder)
    for jar in sorted(wanted.keys() | found.keys()):
        if wanted.get(jar) != found.get(jar):
            what = "is not there" if jar not in found else "is not pinned" if jar not in wanted else "has another hash"
            raise FailureError(f"{jar} {what}: Maven fetched other jars than {pinned} pins; make lock pins these")


def write(folder: Path, pinned: Path) -> None:
    """Pins the jars in a folder."""
    pinned.write_text("".join(f"{found}  {jar}\n" for jar, found in sorted(_hashes(folder).items())), "utf-8")


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}

"""Java and the jars: what a server needs before it can start from nothing but Maven's repository."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import pins
from rollup_bench.servers.watch import Watch

VERSION = 17
"""The Java that Cassandra 5 and Druid 33 both support."""

INSTALLED = Path("/usr/lib/jvm")
"""Where Linux systems keep each Java that is installed."""


def java() -> Path:
    """The home of the Java to run: JAVA_HOME, or the one on the path, or one that is installed beside it."""
    given = os.environ.get("JAVA_HOME")
    installed = sorted(home / "bin/java" for home in INSTALLED.glob("*"))
    found = [Path(given, "bin/java")] if given else [Path(shutil.which("java") or "java"), *installed]
    versions = {program: _version(program) for program in found}
    for program, version in versions.items():
        if version == VERSION:
            return program.resolve().parents[1]
    seen = sorted({version for version in versions.values() if version})
    where = f"in JAVA_HOME={given}" if given else "here"
    told = f", only {' and '.join(map(str, seen))}" if seen else ""
    raise RequestError(f"no Java {VERSION} {where}{told}: install openjdk-{VERSION}-jre-headless, or set JAVA_HOME")


def maven() -> Path:
    """The `mvn` to run; RequestError if there is none."""
    found = shutil.which("mvn")
    if found is None:
        raise RequestError("no mvn on the path: install maven, which fetches the jars of servers")
    return Path(found)


def _version(program: Path) -> int | None:
    try:
        told = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', told)
    return int(match[1]) if match else None


def pinned_version(pom: Path, name: str = "engine.version") -> str:
    """A version as pinned among the properties of a pom."""
    version = ElementTree.parse(pom).findtext(f".//{{*}}{name}")  # noqa: S314 (a file of this package)
    if version is None:
        raise RequestError(f"{pom}: no property {name}")
    return version


def jars(pom: Path, folder: Path, watch: Watch) -> Path:
    """The folder of the jars that `pom` asks for, fetched by Maven once for each content of the pom.

    FailureError where they are not those pinned beside it.
    """
    engine = pom.parent.name
    done = folder / f"{engine}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not done.exists():
        partial = done.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        watch.say(f"{engine}: Maven resolves the jars")
        fetch(pom, partial, watch)
        pins.check(partial, pom.with_name(pins.FILE))
        partial.rename(done)
        watch.say(f"{engine}: {len(list(done.glob('*.jar')))} jars")
    return done


def fetch(pom: Path, target: Path, watch: Watch) -> None:
    """Lets Maven put the jars that `pom` asks for into a folder."""
    engine = pom.parent.name
    copy = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")
    command = [str(maven()), "--batch-mode", "--file", str(pom), *copy]
    environment = os.environ | {"JAVA_HOME": str(java())}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as running:
        try:
            with watch.ending(running.kill):
                reason = _follow(running.stdout or (), engine, watch)
                watch.check()
        except BaseException:
            running.kill()
            raise
    if running.returncode != 0:
        raise FailureError(f"{engine}: Maven could not fetch the jars: {reason}")


def _follow(lines: Iterable[str], engine: str, watch: Watch) -> str:
    """Tells of each jar that arrives; the first error that Maven gave."""
    errors, fetched = [], 0
    for line in lines:
        watch.check()
        if "Downloaded from" in line and ".jar" in line:
            fetched += 1
            watch.say(f"{engine}: fetching jars, {fetched} so far")
        elif line.startswith("[ERROR]"):
            errors.append(line.removeprefix("[ERROR]").strip())
    return errors[0] if errors else "it gives no reason"

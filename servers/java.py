"""Finds Java and Maven on this machine, and lets Maven fetch the jars of a server."""

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
from rollup_bench.servers.lock import in_turn
from rollup_bench.servers.watch import Watch

VERSION = 17
"""The version of Java that Cassandra 5, Druid 33 and Spark 4 all support."""
INSTALLED = Path("/usr/lib/jvm")
"""The folder where Linux systems install each Java."""


def java() -> Path:
    """The folder of Java 17: JAVA_HOME if set, else from the path or in /usr/lib/jvm; RequestError if there is none."""
    home = os.environ.get("JAVA_HOME")
    installed = sorted(folder / "bin/java" for folder in INSTALLED.glob("*"))
    programs = [Path(home, "bin/java")] if home else [Path(shutil.which("java") or "java"), *installed]
    versions = {program: _version(program) for program in programs}
    for program, version in versions.items():
        if version == VERSION:
            return program.resolve().parents[1]
    other_versions = sorted({version for version in versions.values() if version})
    where = f"in JAVA_HOME={home}" if home else "here"
    only = f", only {' and '.join(map(str, other_versions))}" if other_versions else ""
    raise RequestError(f"no Java {VERSION} {where}{only}: install openjdk-{VERSION}-jre-headless, or set JAVA_HOME")


def maven() -> Path:
    """The path of the program `mvn`; RequestError if there is no such program on the path."""
    program = shutil.which("mvn")
    if program is None:
        raise RequestError("no mvn on the path: install maven, which fetches the jars of servers")
    return Path(program)


def _version(program: Path) -> int | None:
    try:
        text = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)', text)
    return int(match[1]) if match else None


def pinned_version(pom: Path, name: str = "engine.version") -> str:
    """The value of the property `name` in the Maven file `pom`; RequestError if there is no such property."""
    version = ElementTree.parse(pom).findtext(f".//{{*}}{name}")  # noqa: S314 (a file of this package)
    if version is None:
        raise RequestError(f"{pom}: no property {name}")
    return version


def jars(pom: Path, folder: Path, watch: Watch) -> Path:
    """The folder of the jars that the Maven file `pom` lists; Maven fetches the jars only when the file has changed.

    FailureError if Maven fails, or if the fetched jars are not exactly those that `jars.sha256` beside `pom` lists.
    """
    engine = pom.parent.name
    done = folder / f"{engine}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if done.exists():
        return done
    waiting = f"{engine}: waiting for another process that fetches jars"
    with in_turn(folder.resolve().with_suffix(".lock"), waiting, watch):
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
    """Lets Maven copy the runtime jars of `pom` into `target`; FailureError with Maven's first error if Maven fails."""
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
    """Reports how many jars Maven has fetched; returns Maven's first error, or a text if Maven printed no error."""
    errors, fetched = [], 0
    for line in lines:
        watch.check()
        if "Downloaded from" in line and ".jar" in line:
            fetched += 1
            watch.say(f"{engine}: fetching jars, {fetched} so far")
        elif line.startswith("[ERROR]"):
            errors.append(line.removeprefix("[ERROR]").strip())
    return errors[0] if errors else "no reason is given"

"""Writes LICENCES.md: the locked Python packages and the jars that this project uses, with their licences.

The licences of Python packages are in their metadata; Maven's license plugin reads those of jars from their poms.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path

from requirements.repin import poms
from rollup_bench.servers.java import maven

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "LICENCES.md"
PLUGIN = "org.codehaus.mojo:license-maven-plugin:2.7.0:add-third-party"
JAR = re.compile(r"\s*\((?P<licences>.+?)\) .* \((?P<group>[^ :]+):(?P<name>[^ :]+):(?P<version>[^ :]+) - .*\)")
HEAD = """# Licences

The packages that rollup-bench is installed with, the jars that it starts, and their licences in the words of their
authors. `make lock` writes this page; the scripts of the pages are listed, with their licences, in
[harness/report/site/vendor](harness/report/site/vendor).
"""


def locked(lock: Path) -> dict[str, str]:
    """Returns the packages of a lock file with their versions, joined by `or` if they depend on Python's version."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(version)
    return {name: " or ".join(versions) for name, versions in found.items()}


def of_package(told: PackageMetadata) -> str:
    """Returns a package's licence from its license expression, else its one-line license text, else its classifiers."""
    for field in ("License-Expression", "License"):
        for text in told.get_all(field) or ():
            if text and "\n" not in text and text != "UNKNOWN":
                return str(text)
    classes = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License ::")]
    return ", ".join(classes) or "not stated"


def of_jars(pom: Path) -> Iterator[tuple[str, str, str]]:
    """Yields the name, version and licences of each jar on which a pom depends."""
    with tempfile.TemporaryDirectory() as folder:
        set_to = {
            "acceptPomPackaging": "true",
            "excludedScopes": "test,system,provided",
            "sortArtifactByName": "true",
            "outputDirectory": folder,
            "thirdPartyFilename": "jars.txt",
        }
        words = [f"-Dlicense.{key}={value}" for key, value in set_to.items()]
        subprocess.run([maven(), "--batch-mode", "--quiet", "--file", pom, PLUGIN, *words], check=True)
        for line in Path(folder, "jars.txt").read_text("utf-8").splitlines():
            if found := JAR.fullmatch(line):
                yield f"{found['group']}:{found['name']}", found["version"], found["licences"].replace(") (", ", ")


def main() -> None:
    """Writes the page, with a table of Python packages and one of jars for each pom."""
    parts = [HEAD]
    packages = (
        (name, version, of_package(metadata(name))) for name, version in locked(ROOT / "requirements/all.txt").items()
    )
    for title, rows in [
        ("Python packages", packages),
        *((f"Jars of {pom.parent.name}", of_jars(pom)) for pom in poms(ROOT)),
    ]:
        lines = sorted(f"| {name} | {version} | {licence} |" for name, version, licence in rows)
        parts.append("\n".join([f"## {title}\n", "| name | version | licence |", "| --- | --- | --- |", *lines, ""]))
    PAGE.write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    main()

"""Every locked package and every pinned jar is listed with a licence, and nothing else is."""

import re
from pathlib import Path

import pytest

from requirements.licences import locked
from requirements.repin import poms
from tests.support import ROOT

PAGE = (ROOT / "LICENCES.md").read_text("utf-8")


def _listed(title: str) -> list[tuple[str, str, str]]:
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (\S+) \| (\d.*?|r\d+) \| (.+) \|$", section, re.MULTILINE)


def test_packages() -> None:
    rows = _listed("Python packages")
    assert {name: version for name, version, _ in rows} == locked(ROOT / "requirements" / "all.txt"), "make lock"
    assert "not stated" not in {licence for *_, licence in rows}


@pytest.mark.parametrize("pom", poms(ROOT), ids=lambda pom: pom.parent.name)
def test_jars(pom: Path) -> None:
    pinned = re.findall(r"  (\S+)\.jar$", pom.with_name("jars.sha256").read_text("utf-8"), re.MULTILINE)
    listed = {f"{name.partition(':')[2]}-{version}" for name, version, _ in _listed(f"Jars of {pom.parent.name}")}
    assert pinned
    named = {jar: [one for one in listed if jar == one or jar.startswith(f"{one}-")] for jar in pinned}
    assert [jar for jar, found in named.items() if not found] == [], "make lock"
    assert listed == {one for found in named.values() for one in found}, "make lock"

"""The audit of what is locked: what is found fails it, what is accepted does not, what is unknown is said."""

import runpy
from typing import Any

import pytest

from tests.support import ROOT

AUDIT = runpy.run_path(str(ROOT / "requirements" / "audit.py"))
VULNERABLE = {
    "name": "some",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}],
}


@pytest.mark.parametrize(
    ("accepted", "found"),
    [
        ({}, ["some 1.0: PYSEC-1, fixed in 1.1"]),
        ({"CVE-2": "of another"}, ["some 1.0: PYSEC-1, fixed in 1.1"]),
        ({"CVE-1": "not reached"}, []),
        ({"PYSEC-1": "not reached"}, []),
    ],
)
def test_a_vulnerability_is_found_unless_it_is_accepted(accepted: dict[str, str], found: list[str]) -> None:
    report: dict[str, Any] = {"dependencies": [VULNERABLE, {"name": "other", "skip_reason": "not found"}]}
    assert AUDIT["findings"](report, accepted) == (found, ["other"])

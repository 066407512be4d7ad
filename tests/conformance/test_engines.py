"""Every engine through every check of the kit."""

from pathlib import Path

import pytest

from engines.contract import Engine
from harness.conformance import checks
from harness.conformance.subject import Subject


@pytest.mark.parametrize("check", checks.ALL, ids=lambda check: check.__name__)
def test_conformance(engine: Engine, check: checks.Check, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    check(Subject(engine, tmp_path, request.config.getoption("--examples")))

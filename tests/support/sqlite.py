"""The engine that CONTRIBUTING builds."""

import runpy

from rollup_bench.engines.contract import Engine
from tests.support import ROOT

EXAMPLE = ROOT / "tests" / "examples" / "sqlite" / "engine.py"
SQLITE: type[Engine] = runpy.run_path(str(EXAMPLE))["SQLite"]

"""Reads which settings of an engine differ from the defaults."""

import re
from importlib.util import find_spec
from pathlib import Path

from rollup_bench.engines import registry

HEADING = "## Settings that differ from the defaults"
"""The heading, in the README of an engine, of the table whose first column names the settings."""


def changed_settings(engine: str) -> list[str]:
    """Returns the names of the settings that differ from the defaults; RequestError if no engine has the name.

    They are the first column of the table in the engine's README; without such a table there are none.
    """
    spec = find_spec(registry.module(engine))
    assert spec is not None
    assert spec.origin is not None
    readme = Path(spec.origin).with_name("README.md")
    _, _, chapter = readme.read_text("utf-8").partition(HEADING) if readme.exists() else ("", "", "")
    rows = re.findall(r"^\| (.+?) \|", chapter.partition("\n## ")[0], re.M)
    return [row.replace("`", "") for row in rows if not row.startswith("---")][1:]

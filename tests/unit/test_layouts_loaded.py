"""A run loads no layout that answers none of its questions."""

import re
from pathlib import Path

from tests.support.command import Command

TOML = """
title = "Mine"
source = { path = "data.csv" }
columns = { time = { name = "at" }, subject = "who", dimensions = ["what"], measures = ["n"] }
[layouts.day]
grain = "day"
measures = ["count()"]
[[questions]]
name = "by-what"
story = "What is done most?"
kind = "aggregate"
by = ["what"]
measures = ["count()"]
parameters = { start = 2013-01-01, end = 2014-01-01 }
"""


def test_a_layout_that_answers_no_question_is_not_loaded(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("at,who,what,n\n2013-06-01T00:30:00Z,a,x,1\n")
    (tmp_path / "mine.toml").write_text(TOML)
    shown = command.done("run", "--dataset", str(tmp_path / "mine.toml"), "--layouts", "all")
    assert re.search(r"duckdb/day +unsupported +day does not keep what apart", shown)
    assert re.findall(r"(\S+) .* loaded now", shown) == ["duckdb/raw", "duckdb/tuned"]
    records = [path.name for path in command.files() if path.match("loads/duckdb-*.json")]
    assert len(records) == 2  # raw and tuned

"""What commands print about their progress."""

import pytest

from rollup_bench.harness.report.terminal import EVERY, Lines


def test_a_line_of_progress_comes_ten_seconds_after_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    say = Lines(lambda: now)
    for text, passed in (("first", 9.0), ("second", 1.0), ("third", 9.9), ("fourth", 0.1), ("fifth", 30.0)):
        now += passed
        say(text)
    assert EVERY == 10.0
    assert capsys.readouterr().err.splitlines() == ["second", "fourth", "fifth"]

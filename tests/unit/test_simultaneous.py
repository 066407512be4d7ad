"""The order of simultaneous events that a draft suggests."""

from pathlib import Path

import pytest

from rollup_bench.harness.describe.draft import draft

TIMES = [f"2020-01-{day:02d}" for day in range(1, 11)]
COUNTED = "".join(f"{at},u{n},{step},{10 * (step - n) ** 2}\n" for at in TIMES for n in range(3) for step in range(2))
"""Two events of each subject at each time, counted in the third column."""
NEWEST = [f"{TIMES[n // 2]},a,{n % 3},{n}\n" for n in range(19, -1, -1)]
"""Events from the last to the first, counted in the last column."""
UNCOUNTED = [f"{at},a,{n},5\n" for at in TIMES for n in (3, 1, 2)]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (COUNTED, 'if "seq" orders them, give it no other role, and write order = "seq"'),
        ("".join(NEWEST), 'if "number" orders them, give it no other role, and write order = "number"'),
        ("".join(reversed(UNCOUNTED)), "if a column of integers orders them, name it here by `order`"),
        (
            "".join(UNCOUNTED),
            'if the file has their order, write row_number = "line" under [source], and order = "line" here',
        ),
    ],
    ids=["a column", "newest first", "nothing", "the file"],
)
def test_the_order_of_simultaneous_events_is_suggested(tmp_path: Path, rows: str, said: str) -> None:
    (tmp_path / "f.csv").write_text(f"at,who,seq,number\n{rows}")
    count = len(rows.splitlines())
    drafted = draft(tmp_path / "f.csv")
    assert f"# {count} of the first {count} events have the time of another one of the same subject:\n" in drafted
    assert f"such events are simultaneous; {said}\n" in drafted


@pytest.mark.parametrize(
    "rows",
    [
        "".join(f"{at},u{n},1\n" for at in TIMES for n in range(3)),
        "".join(f"{TIMES[0]},u{n},{n}\n" for n in [0, *range(20)]),
    ],
    ids=["none", "repeated ids"],
)
def test_no_order_is_suggested_without_simultaneous_events(tmp_path: Path, rows: str) -> None:
    (tmp_path / "f.csv").write_text(f"at,who,order_id\n{rows}")
    assert "simultaneous" not in draft(tmp_path / "f.csv")

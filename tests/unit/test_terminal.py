"""What commands print about their progress."""

import gzip
import io
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from rich.console import Console

from rollup_bench.harness.report import terminal
from rollup_bench.harness.report.terminal import EVERY, Lines, barred, print_item
from rollup_bench.harness.run.launches import LaunchPace
from rollup_bench.harness.run.rounds import Progress
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset, events, readers
from rollup_bench.workloads.pace import Pace, Share
from tests.support.datasets import write


def test_a_line_of_progress_comes_within_ten_seconds_after_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    say = Lines(lambda: now)
    for text, passed in (("first", 9.0), ("second", 1.0), ("third", EVERY - 0.1), ("fourth", 0.1), ("fifth", 30.0)):
        now += passed
        say(text)
    assert EVERY < 10
    assert capsys.readouterr().err.splitlines() == ["second", "fourth", "fifth"]


def test_the_last_line_is_repeated_while_nothing_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "EVERY", 0.2)
    say = Lines()
    with say.repeated():
        time.sleep(0.3)
        say("reading")
        time.sleep(0.6)
    printed = capsys.readouterr().err.splitlines()
    assert printed[0] == "starting"
    assert 2 <= printed.count("reading") <= 4
    time.sleep(0.4)
    assert capsys.readouterr().err == ""


def test_a_percentage_has_a_bar_in_a_terminal() -> None:
    text = "reading: 37%, about 9 s left"
    assert barred(text, 39).plain == f"███▊░░░░░░ {text}"
    assert barred(text, 38).plain == text
    assert barred(text, 10).plain == "reading: …"
    assert barred("100%", 80).plain == "█" * 10 + " 100%"
    assert barred("sorting", 80).plain == "sorting"


def test_the_lines_of_an_item_are_indented_after_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    print_item("  rate above 2.5, now 1: duckdb/raw and druid/day-by-hour", Console(width=26, color_system=None))
    assert capsys.readouterr().out.splitlines() == [
        "  rate above 2.5, now 1:",
        "    duckdb/raw and",
        "    druid/day-by-hour",
    ]


def test_progress_stays_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    screen = Console(file=printed, width=40, force_terminal=True, color_system=None)
    monkeypatch.setattr(terminal, "Console", lambda **_: screen)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True))
    with terminal.progress() as say:
        say("launch 2 of at most 8, asking duckdb/raw alone: carriers, 37%")
    shown = [line for line in printed.getvalue().splitlines() if "launch" in line]
    assert shown
    assert all(line.endswith("…") for line in shown)


def test_a_single_launch_is_the_only_one() -> None:
    said: list[str] = []
    for launches in (1, 2):
        LaunchPace(said.append, launches)(Progress("round 1 of 8", 0.5))
    assert said == ["launch 1 of 1, round 1 of 8, 50%", "launch 1 of at most 2, round 1 of 8, 25%"]


def test_a_share_says_how_much_time_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now, said = [100.0], list[str]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    share = Share(said.append, "reading", 1000)
    for done, passed in ((0, 0.0), (250, 10.0), (1001, 30.0)):
        now[0] += passed
        share.at(done)
    assert said == ["reading: 0%", "reading: 25%, about 30 s left", "reading: 100%, about 0 s left"]


def test_rows_are_reported_with_their_share() -> None:
    said: list[str] = []
    Pace(said.append, "loading ", 40)(10)
    assert said[0].startswith("loading 10 of 40 rows (25%), ")


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".csv.zip", ".parquet"])
def test_reading_reports_the_bytes_of_all_files(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 1 << 12)
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b"):
        written(folder / f"{name}{ending}")
    said: list[str] = []
    path = write(tmp_path, columns={"measures": ["n"]}, source={"path": "files"})
    events.prepare(dataset.parse(path), tmp_path / "home", said.append)
    shares = [int(text.split()[3].rstrip("%,")) for text in said if text.startswith("reading 2 files: ")]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert any(20 <= share <= 30 for share in shares)  # after the first of two files, in the first of two passes
    assert [text for text in said if text.startswith("hashing 2 files: 100%")]
    assert said[-1].startswith("measuring 40,000 of 40,000 rows (100%)")


def written(file: Path) -> None:
    """Writes 20,000 rows."""
    text = "at,who,n\n" + "".join(f"2013-06-01,u{n},{n}\n" for n in range(20_000))
    match file.suffix:
        case ".parquet":
            pa.parquet.write_table(pa.csv.read_csv(io.BytesIO(text.encode())), file)
        case ".gz":
            file.write_bytes(gzip.compress(text.encode()))
        case ".zip":
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("data.csv", text)
        case _:
            file.write_text(text, "utf-8")


def test_a_start_says_how_many_processes_of_a_server_are_ready() -> None:
    looks: Iterator[bool] = iter([True, False, True])
    stage = [SimpleNamespace(name=name, ready=looks.__next__) for name in ("broker", "router")]
    said: list[str] = []
    server = SimpleNamespace(name="druid", _records=list)
    NativeServer._wait(server, stage, 2, 4, Watch(said.append))  # type: ignore[arg-type]
    assert said == ["druid: 3 of 4 processes are ready (75%), waiting for router"]

"""A run whose process is killed is resumed from its file, and measures only what the file lacks."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Cost, Ended, LoadCost, Rounds, of_type
from rollup_bench.harness.run.measure import measure
from tests.support.rides import request, rides

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def page_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test must not drop the page cache of the machine."""
    monkeypatch.setattr("rollup_bench.harness.run.launches.drop_page_cache", lambda: False)


@pytest.mark.parametrize(
    ("moment", "rounds", "alone", "loads"),
    [
        ("launch 1 of at most 2, round 2 of", 0, 0, [0]),
        ("launch 2 of at most 2, duckdb: loading", 2, 3, [0]),  # the layout is dropped and not loaded yet
        ("launch 2 of at most 2, round 2 of", 2, 3, [0, 1]),
        ("launch 2 of at most 2, asking duckdb/raw alone", 4, 3, [0, 1]),
        ("launch 2 of at most 2, asking duckdb/raw alone: the mix", 4, 5, [0, 1]),
    ],
)
def test_a_killed_run_resumes_with_what_its_file_lacks(
    moment: str, rounds: int, alone: int, loads: list[int], tmp_path: Path
) -> None:
    mix = {"name": "office", "weights": {"by-city": 2, "by-day": 1}}
    dataset, out = rides(tmp_path, mixes=[mix]), tmp_path / "run.jsonl"
    arguments = [dataset.folder / "mine.toml", tmp_path, out, moment]
    command = [sys.executable, "-m", "tests.support.rides", *map(str, arguments)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    before, killed = out.read_bytes(), Run.read(out).lines
    assert (len(of_type(killed, Rounds)), len(of_type(killed, Cost))) == (rounds, alone)
    assert [line.launch for line in of_type(killed, LoadCost)] == loads
    said: list[str] = []
    run = measure(request(dataset, tmp_path), out, said.append)[1]
    assert out.read_bytes().startswith(before)
    assert of_type(run.lines, Ended)
    asked = {(name, launch) for name in ("by-city", "by-day") for launch in (0, 1)}
    mixed = {("office", launch) for launch in (0, 1)}
    assert sorted((line.question, line.launch) for line in of_type(run.lines, Rounds)) == sorted(asked)
    assert sorted((line.question, line.launch) for line in of_type(run.lines, Cost)) == sorted(asked | mixed)
    assert [line.launch for line in of_type(run.lines, LoadCost)] == [0, 1]
    assert any("launch 1 of" in text for text in said) == (rounds == 0)

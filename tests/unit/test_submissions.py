"""A submitted run is accepted if its figures follow from its samples; whatever else was changed is named."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header, LoadCost, Record, Rounds, Submission, Verdict, of_type
from rollup_bench.harness.report import submissions
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES
from tests.support import ROOT
from tests.support.command import Command
from tests.support.rides import TINY, request, rides


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file `mine.toml` of a dataset, and a complete run of it, `run.jsonl`."""
    path = tmp_path_factory.mktemp("submitted")
    dataset = rides(path)
    wanted = dataclasses.replace(request(dataset, path), layouts=[dataset.layout("raw"), dataset.layout("day")])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("rollup_bench.harness.run.launches.drop_page_cache", lambda: False)
        measure(wanted, path / "run.jsonl", lambda _: None)
    return path


@pytest.fixture
def submitted(folder: Path, command: Command, tmp_path: Path) -> Run:
    out = tmp_path / "out.jsonl"
    command.done("submit", str(folder / "run.jsonl"), "--dataset", str(folder / "mine.toml"), "--out", str(out))
    assert not list(tmp_path.glob("*.part"))
    return Run.read(out)


def test_a_submission_holds_all_that_its_figures_follow_from(submitted: Run, folder: Path) -> None:
    submissions.check(submitted, "it")
    (line,) = of_type(submitted.lines, Submission)
    assert line.launches == {"by-city, hot": [0, 1], "by-day, hot": [0, 1]}
    assert line.statistics.rows == submitted.header.rows
    assert line.noise.startswith("noise floor")
    assert {"time median", "processor"} <= line.figures["by-day on duckdb/raw"].keys()
    assert line.dataset == (folder / "mine.toml").read_text("utf-8")


Change = Callable[[Record], Record | None]


def _other_time(line: Record) -> Record:
    """The first time on `day` in launch 1 takes a thousandth more."""
    if not isinstance(line, Rounds) or line.launch or line.question != "by-day":
        return line
    (first, second), *others = line.times["duckdb/day"]  # type: ignore[misc]
    return msgspec.structs.replace(line, times=line.times | {"duckdb/day": [(2 * first, second), *others]})


def _other_plan(line: Record) -> Record:
    return msgspec.structs.replace(line, plan="0" * 16) if isinstance(line, Verdict) else line


def _other_load(line: Record) -> Record:
    return msgspec.structs.replace(line, bytes=1) if isinstance(line, LoadCost) else line


def _other_jars(line: Record) -> Record:
    return msgspec.structs.replace(line, jars={"duckdb": "0" * 16}) if isinstance(line, Submission) else line


def _missing_launch(line: Record) -> Record | None:
    return None if isinstance(line, Rounds) and line.launch == 1 else line


def _other_text(line: Record) -> Record:
    """Statistics that are of other events."""
    if not isinstance(line, Submission):
        return line
    return msgspec.structs.replace(line, statistics=msgspec.structs.replace(line.statistics, fingerprint="other"))


def _other_figure(line: Record) -> Record:
    """A processor time that the samples do not give."""
    if not isinstance(line, Submission):
        return line
    cell = line.figures["by-day on duckdb/raw"] | {"processor": 1.0}
    return msgspec.structs.replace(line, figures=line.figures | {"by-day on duckdb/raw": cell})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_time, "by-day"),
        (_other_figure, "by-day on duckdb/raw: the samples give processor .*, the submission says 1.0"),
        (_other_plan, "the tables of duckdb/raw are not those that its adapter plans"),
        (_other_load, "the lines about load are not those that were submitted"),
        (_other_jars, "the jars of duckdb are not those of its adapter"),
        (_missing_launch, "launch 2 of by-city, hot is not both listed and measured"),
        (_other_text, "the statistics are of other events"),
    ],
)
def test_what_was_changed_is_named(submitted: Run, change: Change, said: str) -> None:
    changed = Run(submitted.header, [line for one in submitted.lines if (line := change(one)) is not None])
    with pytest.raises(RequestError, match=said):
        submissions.check(changed, "it")


def test_the_machine_is_protected_too(submitted: Run) -> None:
    other = msgspec.structs.replace(submitted.header, machine=submitted.header.machine | {"cores": 64})
    with pytest.raises(RequestError, match="the lines about run are not those that were submitted"):
        submissions.check(Run(other, submitted.lines), "it")


def test_another_dataset_under_the_name_of_a_built_in_one_is_rejected(submitted: Run) -> None:
    renamed = msgspec.structs.replace(submitted.header, dataset="cdnow")
    with pytest.raises(RequestError, match="the dataset is not the built-in cdnow"):
        submissions.check(Run(renamed, submitted.lines), "it")


def test_a_run_that_is_cut_off_or_of_other_events_is_not_submitted(
    folder: Path, command: Command, tmp_path: Path
) -> None:
    line = command.refused("submit", str(folder / "run.jsonl"))
    assert "mine is not a built-in dataset; give its file, as in --dataset mine.toml" in line
    whole, cut = (folder / "run.jsonl").read_bytes().splitlines(keepends=True), tmp_path / "cut.jsonl"
    cut.write_bytes(b"".join(whole[:-1]))
    assert "not complete" in command.refused("submit", str(cut), "--dataset", str(folder / "mine.toml"))
    header = msgspec.json.decode(whole[0], type=Header)
    other = msgspec.structs.replace(header, events="other")
    cut.write_bytes(b"".join([msgspec.json.encode(other) + b"\n", *whole[1:]]))
    assert "other events" in command.refused("submit", str(cut), "--dataset", str(folder / "mine.toml"))


def test_a_run_whose_adapter_has_changed_since_is_not_submitted(
    folder: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollup_bench.harness.report.cells.has_changed", lambda engine, before: engine == "duckdb")
    out = tmp_path / "out.jsonl"
    asked = ("submit", str(folder / "run.jsonl"), "--dataset", str(folder / "mine.toml"), "--out", str(out))
    assert "the adapter of duckdb has changed since the run" in command.refused(*asked)
    assert not out.exists()


def test_an_existing_file_is_not_replaced(folder: Path, command: Command, tmp_path: Path) -> None:
    taken = tmp_path / "taken.jsonl"
    taken.write_text("mine")
    mine = ("--dataset", str(folder / "mine.toml"))
    assert "taken.jsonl exists" in command.refused("submit", str(folder / "run.jsonl"), *mine, "--out", str(taken))
    assert taken.read_text() == "mine"


def test_reproduce_times_the_same_cells_again_and_says_whether_they_agree(
    folder: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILES, "quick", TINY)
    monkeypatch.setattr("rollup_bench.harness.run.launches.drop_page_cache", lambda: False)
    out, mine = tmp_path / "again.jsonl", ("--dataset", str(folder / "mine.toml"))
    text = command.done("reproduce", str(folder / "run.jsonl"), "by-day", *mine, "--out", str(out))
    assert {"first", "second"} <= set(text.split("fastest in")[1].split() + text.split("fastest in")[2].split())
    again = Run.read(out)
    assert {line.question for line in of_type(again.lines, Rounds)} == {"by-day"}
    assert {line.arm for line in of_type(again.lines, Verdict)} == {"duckdb/raw", "duckdb/day"}
    line = command.refused("reproduce", str(folder / "run.jsonl"), "nothing", *mine)
    assert "did not time nothing on two arms; give one of by-day" in line


def test_every_committed_run_that_timed_something_is_a_submission_that_fits() -> None:
    runs = {path: Run.read(path) for path in sorted((ROOT / "results").glob("*/*.jsonl"))}
    for path, run in runs.items():
        if of_type(run.lines, Rounds):
            submissions.check(run, str(path.relative_to(ROOT)))

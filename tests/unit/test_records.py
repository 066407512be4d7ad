"""The file of a run: read back as written, resumed, and refused where it belongs to another run."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Header, LoadCost, Rounds, Verdict, WarmUp, of_type, read
from rollup_bench.harness.records.run_log import RunLog, key, newest
from rollup_bench.harness.run.costs import Gauge, Meter, stall_seconds

HEADER = Header(
    dataset="flights",
    rows=336776,
    seed=1,
    profile="quick",
    machine={"cores": 2, "cpu": "any"},
    versions={"duckdb": "1.4.2"},
    budget={"cores": 2, "memory": 2**31},
    scope=["one node"],
    started="2026-01-01T00:00:00Z",
)
nanoseconds = st.integers(1, 10**12)
rounds = st.builds(
    Rounds,
    question=st.text(),
    cache=st.sampled_from(["cold", "hot", "cached"]),
    launch=st.integers(0, 9),
    control=st.just(("a", "a (again)")),
    times=st.dictionaries(st.text(), st.lists(st.tuples(nanoseconds, nanoseconds), max_size=5), max_size=3),
    warm=st.dictionaries(st.text(), st.builds(WarmUp, st.lists(nanoseconds, max_size=3), st.booleans()), max_size=2),
    failed=st.dictionaries(st.text(), st.text(), max_size=2),
    pressure=st.none() | st.just({"cpu": 0.25}),
)


@given(st.lists(rounds, max_size=5))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_is_read_back_as_it_was_written(tmp_path: Path, written: list[Rounds]) -> None:
    path = tmp_path / "run.jsonl"
    path.unlink(missing_ok=True)
    log = RunLog(path, HEADER)
    for record in written:
        log.add(record)
    assert list(read(path)) == [HEADER, *written]
    assert newest([HEADER, *written]) == log.records
    assert {key(record) for record in written} == {key(record) for record in log.records[1:]}


def test_a_run_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.jsonl"
    load = LoadCost(arm="duckdb/raw", seconds=1.5, rows=10, bytes=100)
    RunLog(path, HEADER).add(load)
    with path.open("ab") as file:
        file.write(b'{"record":"verdict","arm":"duc')
    log = RunLog(path, msgspec.structs.replace(HEADER, started="later"))
    assert log.has(LoadCost, arm="duckdb/raw", launch=0)
    verdict = Verdict(arm="duckdb/raw", question="q", verdict=Kind.RIGHT)
    assert not log.has(Verdict, arm="duckdb/raw", question="q")
    log.add(verdict)
    assert log.has(Verdict, arm="duckdb/raw", question="q")
    assert list(read(path)) == [HEADER, load, verdict]
    assert of_type(log.records, Verdict) == [verdict]


def test_an_empty_file_is_a_run_not_yet_begun(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(b'{"record":"ru')
    assert RunLog(path, HEADER).records == [HEADER] == list(read(path))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": 2}, "seed is 1, but this run's is 2"),
        ({"dataset": "game"}, "dataset is 'flights', but this run's is 'game'"),
        ({"asked": "b"}, r"run\.jsonl: holds a run of other layouts or questions"),
    ],
)
def test_another_run_is_not_mixed_in(tmp_path: Path, change: dict[str, object], says: str) -> None:
    path = tmp_path / "run.jsonl"
    RunLog(path, msgspec.structs.replace(HEADER, asked="a"))
    before = path.read_bytes()
    with pytest.raises(RequestError, match=says):
        RunLog(path, msgspec.structs.replace(HEADER, **change))
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"not json\n", b'{"record":"unheard of"}\n', b'{"record":"load","arm":"a"}\n'])
def test_a_file_that_is_no_run_is_named_with_its_line(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "run.jsonl"
    RunLog(path, HEADER)
    with path.open("ab") as file:
        file.write(line)
    with pytest.raises(RequestError, match=r"run\.jsonl, line 2: "):
        RunLog(path, HEADER)
    with pytest.raises(RequestError, match=r"none\.jsonl: No such file"):
        list(read(tmp_path / "none.jsonl"))


def test_a_file_of_one_line_without_an_end_is_no_run(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b'{"mine": 1}')
    with pytest.raises(RequestError, match=r"config\.json: was not written by `run`; name another file"):
        RunLog(path, HEADER)
    assert path.read_bytes() == b'{"mine": 1}'


def test_one_process_at_a_time_writes_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    first = RunLog(path, HEADER)
    with pytest.raises(RequestError, match="another process writes this run"):
        RunLog(path, HEADER)
    assert first.records == list(read(path))
    del first
    RunLog(path, HEADER)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.jsonl"
    log = RunLog(path, HEADER)

    def full(_file: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        log.add(LoadCost(arm="a", seconds=1, rows=1, bytes=1))
    assert list(read(path)) == [HEADER] == log.records


def test_a_line_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(msgspec.json.encode(HEADER).replace(b"flights", b"caf\xe9") + b"\n")
    with pytest.raises(RequestError, match=r"run\.jsonl, line 1: "):
        list(read(path))


def test_a_run_without_a_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(msgspec.json.encode(LoadCost(arm="a", seconds=1, rows=1, bytes=1)) + b"\n")
    with pytest.raises(RequestError, match="not the header"):
        RunLog(path, HEADER)


def test_pressure_is_a_share_or_absent() -> None:
    shares = Meter(Gauge()).read().pressure
    if stall_seconds() is None:
        assert shares is None
    else:
        assert shares is not None
        assert set(shares) == {"cpu", "io", "memory"}

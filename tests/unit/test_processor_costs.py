"""What a stretch of time costs, on clocks and pressure files of known content."""

import time
from pathlib import Path

import msgspec
import pytest

from rollup_bench.harness.records.lines import Spent
from rollup_bench.harness.run import costs
from rollup_bench.harness.run.costs import Gauge, Meter, busy_seconds, pressure, stall_seconds
from tests.support.clocks import Clocks, stall


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc/pressure."""
    monkeypatch.setattr(costs, "_PRESSURE", tmp_path)
    stall(tmp_path, cpu=1_000_000, io=2_500_000, memory=0)
    return tmp_path


def test_stalled_seconds_are_those_of_some_task(kernel: Path) -> None:
    assert stall_seconds() == {"cpu": 1.0, "io": 2.5, "memory": 0.0}


def test_a_kernel_without_pressure_tells_nothing(kernel: Path) -> None:
    since = stall_seconds()
    (kernel / "memory").unlink()
    assert stall_seconds() is None
    assert pressure(since, 1.0) is None


def test_pressure_is_the_share_of_the_seconds(kernel: Path) -> None:
    since = stall_seconds()
    stall(kernel, cpu=1_500_000, io=2_500_000, memory=123_456)
    assert pressure(since, 4.0) == {"cpu": 0.125, "io": 0.0, "memory": 0.0309}
    assert pressure(None, 4.0) is None


def test_a_meter_reads_differences_and_the_resident_bytes_as_they_are(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "time", Clocks(iter([10.0, 14.0]), iter([3.0, 3.5])))
    monkeypatch.setattr(costs, "busy_seconds", iter([100.0, 103.5]).__next__)
    meter = Meter(Gauge(iter([7.0, 9.0]).__next__, lambda: 4096, served=True))
    stall(kernel, cpu=2_000_000)
    shares = {"cpu": 0.25, "io": 0.0, "memory": 0.0}
    assert meter.read(clients=0.25, apart=0.125) == Spent(
        seconds=4.0, client=0.625, engine=2.0, resident=4096, pressure=shares, others=0.75
    )


def test_what_other_programs_use_is_unknown_if_the_engine_does_not_tell_its_own_share() -> None:
    assert Meter(Gauge(served=True)).read().others is msgspec.UNSET
    assert Meter(Gauge()).read().others is not msgspec.UNSET


def test_a_program_that_computes_is_counted() -> None:
    before, began = busy_seconds(), time.process_time()
    while time.process_time() - began < 0.2:
        pass
    assert busy_seconds() - before >= 0.15


@pytest.mark.parametrize("processor", [[None, 9.0], [7.0, None], [None, None]])
def test_an_engine_that_does_not_tell_its_processor_seconds_has_none(
    processor: list[float | None], kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "time", Clocks(iter([10.0, 14.0]), iter([3.0, 3.5])))
    assert Meter(Gauge(iter(processor).__next__, served=True)).read() == Spent(
        seconds=4.0, client=0.5, engine=None, resident=None, pressure={"cpu": 0.0, "io": 0.0, "memory": 0.0}
    )

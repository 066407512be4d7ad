"""The budget of an engine comes from the environment, and a control group enforces its memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.servers import cgroup
from rollup_bench.servers.budget import Budget, budget

ALLOCATE = "import sys; sys.stdin.read(1); print(len(bytearray(400 << 20)))"


def test_the_environment_sets_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_CORES", "1")
    monkeypatch.setenv("ROLLUP_BENCH_MEMORY", "3GiB")
    assert budget() == Budget(1, 3 << 30)
    monkeypatch.setenv("ROLLUP_BENCH_MEMORY", "512MiB")
    assert budget() == Budget(1, 512 << 20)
    assert (str(budget()), str(Budget(2, 6144 << 20))) == ("1 core and 512 MiB", "2 cores and 6.0 GiB")


@pytest.mark.parametrize("value", ["", "512", "1.5GiB", "0MiB", "512 MiB"])
def test_a_wrong_size_is_refused_by_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_MEMORY", value)
    with pytest.raises(RequestError, match=f"ROLLUP_BENCH_MEMORY: `{value}` is not a size; write one as 512MiB"):
        budget()


@pytest.mark.parametrize("value", ["0", "-1", "two", "100000"])
def test_a_wrong_number_of_cores_is_refused_by_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLUP_BENCH_CORES", value)
    with pytest.raises(RequestError, match=f"ROLLUP_BENCH_CORES: `{value}` is not a number of cores"):
        budget()


def test_a_process_beyond_its_memory_is_ended(tmp_path: Path) -> None:
    path = cgroup.create(tmp_path, 200 << 20)
    if path is None:
        pytest.skip("no control group can be written on this machine")
    with subprocess.Popen([sys.executable, "-c", ALLOCATE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        cgroup.enter(tmp_path, process.pid)
        output, _ = process.communicate(b"x")
    assert (process.returncode, output) == (-9, b"")
    cgroup.remove(tmp_path)
    assert not cgroup.enforced(tmp_path)


def test_a_server_without_a_group_is_not_limited(tmp_path: Path) -> None:
    cgroup.enter(tmp_path, 0)
    cgroup.remove(tmp_path)
    assert not cgroup.enforced(tmp_path)

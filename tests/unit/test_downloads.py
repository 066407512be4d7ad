"""Downloads of a dataset's files: whole, resumed, never mixed from two versions, and the same file each time."""

import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.command import Command
from tests.support.datasets import aggregate, write
from tests.support.file_server import DATE, FileServer, serving

NAME = "set/data.csv"
PREPARE = """
import sys
from pathlib import Path
from rollup_bench.workloads import dataset, events
print(events.prepare(dataset.read(sys.argv[1]), Path(sys.argv[2])).statistics.rows)
"""


def lines(rows: int, user: str = "a") -> bytes:
    return b"at,who\n" + b"".join(b"2013-06-01T00:00:00Z,%s%05d\n" % (user.encode(), i) for i in range(rows))


WHOLE, OTHER = lines(4_000), lines(4_000, "b")
HALF = len(WHOLE) // 2


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving({NAME: WHOLE}) as server:
        yield server


class Folder:
    """A dataset file that names the server's file, and the home folder beside it."""

    def __init__(self, path: Path, server: FileServer) -> None:
        self.path, self.server = path, server
        self.downloads = path / "home" / "downloads" / f"127.0.0.1:{server.port}"
        self.file = self.downloads / NAME
        self.said: list[str] = []

    def toml(self, **source: Any) -> Path:
        return write(self.path, source={"url": self.server.address(NAME)} | source)

    def prepare(self, **source: Any) -> events.Events:
        return events.prepare(datasets.read(str(self.toml(**source))), self.path / "home", self.said.append)

    def refused(self, *said: str, **source: Any) -> str:
        with pytest.raises(RequestError) as error:
            self.prepare(**source)
        line = str(error.value)
        assert "\n" not in line
        for part in said:
            assert part in line
        return line

    def left(self) -> list[str]:
        """The endings of what is beside the file, and "" for the file itself; lock files are left out."""
        names = [p.name.removeprefix(self.file.name) for p in self.file.parent.glob("*")]
        return sorted(name for name in names if name != ".lock")

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PREPARE, str(self.toml()), str(self.path / "home")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def folder(tmp_path: Path, server: FileServer) -> Folder:
    return Folder(tmp_path, server)


def test_a_file_is_downloaded_once_and_recorded(folder: Folder) -> None:
    first = folder.prepare()
    assert first.statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE
    assert folder.left() == ["", ".record"]
    record = msgspec.json.decode((folder.downloads / f"{NAME}.record").read_bytes())
    assert record == {"size": len(WHOLE), "sha256": hashlib.sha256(WHOLE).hexdigest()}
    assert any(text.startswith("downloading data.csv: 0 of 0 MB") for text in folder.said)
    assert folder.prepare().fingerprint == first.fingerprint
    assert folder.server.asked == [None]


def test_a_cut_download_is_resumed(folder: Folder) -> None:
    folder.server.ends = [HALF, 100]
    assert folder.prepare().statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE
    assert folder.server.asked == [None, f"bytes={HALF}-", f"bytes={HALF + 100}-"]


@pytest.mark.parametrize(
    ("etag", "date", "second"), [(None, DATE, f"bytes={HALF}-"), ('W/"{}"', DATE, None), (None, None, None)]
)
def test_only_a_version_that_the_server_can_tell_from_others_is_resumed(
    folder: Folder, etag: str | None, date: str | None, second: str | None
) -> None:
    folder.server.etag, folder.server.date, folder.server.ends = etag, date, [HALF]
    assert folder.prepare().statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE
    assert folder.server.asked == [None, second]


@pytest.mark.parametrize("obeys", [True, False])
def test_a_file_that_changed_between_two_parts_is_downloaded_anew(folder: Folder, obeys: bool) -> None:
    folder.server.ends, folder.server.obeys_if_range = [HALF], obeys
    folder.server.flows.clear()
    with folder.start() as running:
        wait_for_part(folder, running)
        folder.server.files[NAME] = OTHER
        folder.server.flows.set()
        assert running.communicate()[0].split() == ["4000"]
    assert folder.file.read_bytes() == OTHER
    assert folder.server.asked == [None, f"bytes={HALF}-", *([] if obeys else [None])]


def test_a_server_that_cannot_resume_sends_the_whole_file_again(folder: Folder) -> None:
    folder.server.ranges, folder.server.ends = False, [HALF]
    assert folder.prepare().statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE
    assert folder.server.asked == [None, f"bytes={HALF}-"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_gains_nothing_ends_and_leaves_nothing_to_use(folder: Folder, ranges: bool) -> None:
    folder.server.ranges, folder.server.ends = ranges, [HALF, 0 if ranges else HALF]
    folder.refused(folder.server.address(NAME), f"ended after {HALF:,} bytes, twice", "repeat the command")
    assert folder.left() == [".part", ".version"]
    assert folder.prepare().statistics.rows == 4_000
    assert folder.left() == ["", ".record"]


def wait_for_part(folder: Folder, running: subprocess.Popen[str]) -> None:
    part = folder.downloads / f"{NAME}.part"
    while not part.exists() or part.stat().st_size < HALF:
        assert running.poll() is None
        time.sleep(0.01)


def test_a_killed_download_leaves_nothing_to_use_and_is_resumed(folder: Folder) -> None:
    folder.server.ends = [HALF]
    folder.server.flows.clear()
    with folder.start() as running:
        wait_for_part(folder, running)
        os.kill(running.pid, signal.SIGKILL)
    assert folder.left() == [".part", ".version"]
    folder.server.flows.set()
    assert folder.prepare().statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE
    assert folder.server.asked == [None, f"bytes={HALF}-"]


def test_a_process_that_is_killed_before_the_file_gets_its_name_needs_no_byte_again(folder: Folder) -> None:
    folder.server.ends = [HALF, 0]
    folder.refused("twice")
    (folder.downloads / f"{NAME}.part").write_bytes(WHOLE)
    folder.server.asked.clear()
    assert folder.prepare().statistics.rows == 4_000
    assert folder.server.asked == [f"bytes={len(WHOLE)}-"]
    assert folder.left() == ["", ".record"]


def test_a_part_that_is_longer_than_the_file_is_dropped(folder: Folder) -> None:
    folder.server.ends = [HALF, 0]
    folder.refused("twice")
    (folder.downloads / f"{NAME}.part").write_bytes(WHOLE + OTHER)
    assert folder.prepare().statistics.rows == 4_000
    assert folder.file.read_bytes() == WHOLE


def test_two_processes_at_once_download_the_file_once(folder: Folder) -> None:
    folder.server.ends = [HALF]
    folder.server.flows.clear()
    with folder.start() as first, folder.start() as second:
        wait_for_part(folder, first if first.poll() is None else second)
        folder.server.flows.set()
        assert [one.communicate()[0].split() for one in (first, second)] == [["4000"], ["4000"]]
    assert folder.server.asked == [None, f"bytes={HALF}-"]
    assert folder.left() == ["", ".record"]


def test_a_waiting_process_says_so(folder: Folder) -> None:
    folder.server.ends = [HALF]
    folder.server.flows.clear()
    with folder.start() as running:
        wait_for_part(folder, running)

        def say(text: str) -> None:
            folder.said.append(text)
            folder.server.flows.set()

        events.prepare(datasets.read(str(folder.toml())), folder.path / "home", say)
        assert "waiting for another process that downloads data.csv" in folder.said
        assert running.communicate()[0].split() == ["4000"]


def test_another_file_at_the_address_is_refused_after_the_first_download(folder: Folder) -> None:
    first = folder.prepare()
    folder.file.unlink()
    folder.server.files[NAME] = OTHER
    old, new = (hashlib.sha256(content).hexdigest() for content in (WHOLE, OTHER))
    record = f"{folder.file}.record"
    differs = f"its sha256 is {new}, but {record} records {old}"
    folder.refused(folder.server.address(NAME), differs, "delete that record if the new file is right")
    assert folder.left() == [".record"]
    folder.server.files[NAME] = OTHER + b"2013-06-02T00:00:00Z,x\n"
    folder.refused(f"its size is {len(OTHER) + 23}, but {record} records {len(WHOLE)}")
    assert folder.left() == [".record"]
    folder.server.files[NAME] = WHOLE
    assert folder.prepare().fingerprint == first.fingerprint
    folder.file.unlink()
    Path(record).unlink()
    folder.server.files[NAME] = OTHER
    assert folder.prepare().fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"size": 5}, f"its size is {len(WHOLE)}, but [source] states 5; correct [source]"),
        ({"sha256": "0" * 64}, f"its sha256 is {hashlib.sha256(WHOLE).hexdigest()}, but [source] states 000"),
    ],
)
def test_what_the_dataset_file_states_is_demanded(folder: Folder, stated: dict[str, Any], said: str) -> None:
    folder.refused(folder.server.address(NAME), said, **stated)
    assert folder.left() == []
    folder.prepare(size=len(WHOLE), sha256=hashlib.sha256(WHOLE).hexdigest())
    folder.refused(said, **stated)
    assert folder.server.asked == [None, None]


def test_a_downloaded_file_that_was_cut_later_is_refused(folder: Folder) -> None:
    folder.prepare()
    folder.file.write_bytes(WHOLE[:HALF])
    folder.refused(str(folder.file), f"has {HALF:,} bytes, but {len(WHOLE):,} were downloaded; delete the file")
    folder.file.unlink()
    assert folder.prepare().statistics.rows == 4_000


@pytest.mark.parametrize("status", [404, 403, 500, 416])
def test_a_wrong_status_is_refused(folder: Folder, status: int) -> None:
    folder.server.status = status
    folder.refused(f"{folder.server.address(NAME)}: the server answered {status} ", "correct the address", "`path`")
    assert folder.left() == []


def test_a_server_that_does_not_say_the_length_is_refused(folder: Folder) -> None:
    folder.server.says_length = False
    folder.refused(f"{folder.server.address(NAME)}: the server does not say how long the file is")
    assert folder.left() == []


def test_a_server_that_is_not_there_is_refused(folder: Folder) -> None:
    with serving({}) as gone:
        address = gone.address(NAME)
    folder.refused(f"{address}: ", "refused; repeat the command", url=address)


def test_redirects_leave_this_machine_only_for_https(folder: Folder) -> None:
    with serving({"other.csv": WHOLE}) as other:
        folder.server.location = other.address("other.csv")
        assert folder.prepare().statistics.rows == 4_000
    folder.file.unlink()
    for location in ("http://example.org/data.csv", "ftp://127.0.0.1/data.csv"):
        folder.server.location = location
        folder.refused("redirects to an address that is not HTTPS")
    folder.server.location = "file:///etc/passwd"
    folder.refused("Redirection to url 'file:///etc/passwd' is not allowed")
    assert folder.left() == [".record"]


def test_a_full_disk_is_noticed_before_the_download(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder.path)._replace(free=5)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    folder.refused(f"data.csv needs {len(WHOLE):,} bytes more, but 5 are free", "ROLLUP_BENCH_HOME")
    assert folder.left() == []


def test_several_files_are_read_in_the_order_of_their_addresses(folder: Folder) -> None:
    for name in ("8", "9", "10"):
        folder.server.files[f"a{name}.csv.gz"] = gzip.compress(lines(1, name))
    folder.server.files["last.csv"] = lines(2, "z")
    urls = [folder.server.address("a{8..10}.csv.gz"), folder.server.address("last.csv")]
    found = folder.prepare(url=urls)
    users = [row["who"] for batch in found.batches() for row in batch.to_pylist()]
    assert users == ["800000", "900000", "1000000", "z00000", "z00001"]
    assert any(text.startswith("2 of 4: downloading a9.csv.gz") for text in folder.said)
    folder.refused("a11.csv.gz: the server answered 404", url=urls[0].replace("10", "11"))


def test_the_command_line_ends_with_one_line_and_resumes(folder: Folder, command: Command) -> None:
    toml = write(folder.path, aggregate("all", "count()"), source={"url": folder.server.address(NAME)})
    folder.server.ends = [HALF, 0]
    status, out, err = command("ask", "all", "--dataset", str(toml), "--engine", "truth")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert f"rollup-bench: {folder.server.address(NAME)}: the connection ended after {HALF:,} bytes" in err
    assert "4000" in command.done("ask", "all", "--dataset", str(toml), "--engine", "truth", "--format", "csv")
    assert folder.server.asked == [None, f"bytes={HALF}-", f"bytes={HALF}-"]

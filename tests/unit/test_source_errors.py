"""What is refused of a user's own files, with the file, the row and the column."""

import bz2
import gzip
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rollup_bench.workloads import readers, sources
from tests.support.sources import CSV, JSON, NAMES, Roles, dataset, prepared, read, refused


def line(at: str = "2013-06-01", who: str = "a", what: str = "b", n: str = "1") -> str:
    return f"{at},{who},{what},{n}\n"


@pytest.mark.parametrize(
    ("text", "roles", "said"),
    [
        ("", {}, ["f.csv: the file is empty", "column names"]),
        ("at,who,what,n\n", {}, ["f.csv has no rows"]),
        ("when,who,what,n\n", {}, ["f.csv: no column is named `at`; the columns are when, who, what, n"]),
        ("at,who,what,n,n\n2013-06-01,a,b,1,2\n", {}, ["f.csv: two columns of the file are named `n`"]),
        (f"at,who,what,n\n{line()}a,b\n", {}, ["f.csv: row 2: the row has 2 columns, not 4"]),
        (f"{line()}a,b\n", {"source": {"names": NAMES}}, ["row 2: the row has 2 columns, not 4"]),
        (f"at,who,what,n\n{line()}{line(n='many')}", {}, ["row 2: column `n` is `many`, not a number"]),
        (f"at,who,what,n\n{line()}{line(n='inf')}", {}, ["row 2: column `n` is infinite"]),
        (f"at,who,what,n\n{line()}{line(at='1 June')}", {}, ["`at` is `1 June`, not ISO 8601", "format"]),
        (f"at,who,what,n\n{line()}{line(at='')}", {}, ["row 2: column `at` is empty"]),
        (f"at,who,what,n\n{line(at='20130601')}", {"time": {"format": "seconds"}, "measures": []}, []),
        (f"at,who,what,n\n{line(at='13')}", {"time": {"format": "%Y%m%d"}}, ["column `at` is `13`, not like"]),
        (
            f"at,who,what,n\n{line(at='30/02/2020')}",
            {"time": {"format": "%d/%m/%Y"}},
            ["row 1: column `at` is `30/02/2020`"],
        ),
        (f"at,who,what,n\n{line(at='20200631')}", {"time": {"format": "%Y%m%d"}}, ["row 1: column `at` is `20200631`"]),
        (f"at,who,what,n\n{line(at='31.4.20 1:02')}", {"time": {"format": "%d.%m.%y %H:%M"}}, ["is `31.4.20 1:02`"]),
        (f"at,who,what,n\n{line(at='1.5')}", {"time": {"format": "seconds"}}, ["`at` is `1.5`, not whole"]),
        (f"at,who,what,n\n{line(at='9' * 18)}", {"time": {"format": "seconds"}}, ["row 1: column `at` is `999"]),
        (f"at,who,what,n\n{line(at='1370044800000')}", {"time": {"format": "seconds"}}, ["years 1 to 9999"]),
        (f'at,who,what,n\n{line()}2013-06-01,"a,b,1\n{line()}', {}, ["row 2: the row has 2 columns, not 4"]),
    ],
)
def test_a_wrong_csv_file_is_refused(tmp_path: Path, text: str, roles: Roles, said: list[str]) -> None:
    if not said:
        assert read(tmp_path, "f.csv", text, **roles)[0]["at"].year == 1970
        return
    with refused(*said):
        read(tmp_path, "f.csv", text, **roles)
    assert not [p for p in (tmp_path / "home").rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        (
            "f.csv",
            b"at,who,what,n\n2013-06-01,a,b,1\n2013-06-01,\xff,b,1\n",
            "row 2: column `who` is `\\xff`, not text in UTF-8",
        ),
        ("f.csv", CSV.encode("utf-16"), "f.csv: the line of column names is not text in UTF-8"),
        ("f.csv.gz", gzip.compress(CSV.encode() * 99, mtime=0)[:-20], "f.csv.gz cannot be read"),
        ("f.csv.gz", CSV.encode(), "f.csv.gz cannot be read"),
        ("f.csv.zst", b"\0" * 9, "f.csv.zst cannot be read"),
        ("f.csv.bz2", bz2.compress(CSV.encode())[:-9], "f.csv.bz2 cannot be read"),
        ("f.parquet", b"", "f.parquet cannot be read"),
        ("f.parquet", b"PAR1 and no more PAR1", "f.parquet cannot be read"),
        ("f.zip", b"PK", "f.zip cannot be read"),
        ("f.json", b"[1, 2]", "f.json: row 1: the item of the array is not a JSON object"),
        (
            "f.json",
            b'[{"at": "2013-06-01"}',
            "f.json: the file is not a JSON array: Input data was truncated; write one",
        ),
        ("f.json", JSON.encode()[:-9], "f.json: row 2: the line is not a JSON object"),
        ("f.json", b"\xff", "f.json: row 1: the line is not a JSON object"),
        ("f.json", JSON.encode().replace(b'"n"', b'"m"'), "f.json: no row has a column `n`"),
        ("f.json", b"", "f.json has no rows"),
        ("f.json", b'{"at": "2013-01-01", "who": 1.5, "what": 1, "n": 1}', "`who` contains decimal numbers"),
        ("f.json", b'{"at": "2013-01-01", "who": 1, "what": [1], "n": 1}', "`what` contains lists or objects"),
        ("f.json", b'{"at": "2013-01-01", "who": 1, "what": {"a": 1}, "n": 1}', "no row has a column `what`"),
        ("f.json", b'{"at": 1370044800, "who": 1, "what": 1, "n": 1}', "`at` as a time, but it contains integers"),
        (
            "f.json",
            b'{"at": "2013-01-01", "who": 1, "what": 1, "n": [1]}',
            "column `n` contains lists or objects, not numbers",
        ),
        ("f.xlsx", b"", "f.xlsx is neither a file nor a folder of Parquet (.parquet), CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    with refused(said):
        read(tmp_path, name, data)
    assert not [p for p in (tmp_path / "home").rglob("*") if p.is_file()]


def test_a_wrong_archive_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        archive.writestr("README.md", "")
    with refused("f.zip contains no Parquet"):
        prepared(tmp_path, "f.zip")
    with zipfile.ZipFile(tmp_path / "g.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV + "x\n")
    with refused("g.zip/b.csv: row 3: the row has 1 columns"):
        prepared(tmp_path, "g.zip")
    damaged = (tmp_path / "g.zip").read_bytes().replace(b"2013-06", b"2014-06")
    with refused("h.zip", "cannot be read"):
        read(tmp_path, "h.zip", damaged)
    flags = bytearray((tmp_path / "g.zip").read_bytes())
    for place in (m.start() for m in re.finditer(b"PK\x01\x02", bytes(flags))):
        flags[place + 8] |= 1
    with refused("i.zip", "password"):
        read(tmp_path, "i.zip", bytes(flags))


@pytest.mark.parametrize("path", ["nowhere.csv", "nowhere/"])
def test_a_path_without_files_is_refused(tmp_path: Path, path: str) -> None:
    with refused("source.path", "nowhere", "No such file"):
        prepared(tmp_path, path)
    (tmp_path / "nowhere").mkdir()
    with refused("source.path", "nowhere"):
        prepared(tmp_path, path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root reads everything; then somebody else tries."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("closed", ["data", "data/f.csv", "data/deep"])
def test_a_file_or_folder_without_permission_is_refused(tmp_path: Path, closed: str) -> None:
    deep = tmp_path / "data" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "data" / "f.csv").write_text(CSV)
    asked = dataset(tmp_path, "data")
    (tmp_path / closed).chmod(0)
    for parent in tmp_path.parents:
        if parent.stat().st_uid == os.getuid() and "pytest" in str(parent):
            parent.chmod(0o755)
    tmp_path.chmod(0o755)
    try:
        with refused(f"{closed}: Permission denied"), unprivileged():
            sources.files(asked)
    finally:
        (tmp_path / closed).chmod(0o755)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_an_error_names_its_row_in_any_block(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 4096)
    texts = ['"two\nlines"' if i % 7 == 0 and form == "csv" else f"t{i}" for i in range(3000)]
    for bad in (0, 1234, 2999):
        numbers = [str(i) if i != bad else "x" for i in range(3000)]
        if form == "csv":
            lines = ["at,who,what,n", *(f"2013-06-01,a,{t},{n}" for t, n in zip(texts, numbers, strict=True))]
        else:
            lines = [
                f'{{"at": "2013-06-01", "who": "a", "what": "{t}", "n": "{n}"}}'
                for t, n in zip(texts, numbers, strict=True)
            ]
        with refused(f"f.{form}: row {bad + 1}: column `n` is `x`"):
            read(tmp_path, f"f.{form}", "\n".join(lines))
        lines[bad + (form == "csv")] = "]"
        with refused(f"f.{form}: row {bad + 1}: "):
            read(tmp_path, f"f.{form}", "\n".join(lines))


def test_a_column_without_a_role_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 256)
    lines = "".join(f"{i},2013-06-01,a,b,1\n" for i in range(100))
    assert len(read(tmp_path, "f.csv", f"other,at,who,what,n\n{lines}\xff,2013-06-01,a,b,1\n".encode("latin-1"))) == 101

"""A user's own files: formats, compression, folders, separators, times, texts and numbers, and what is refused."""

import bz2
import gzip
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, readers, sources
from tests.support.datasets import aggregate, write

Roles = dict[str, Any]
NAMES = ["at", "who", "what", "n"]
CSV = "at,who,what,n\n2013-06-01T00:00:00Z,ann,open,1\n2013-06-01T12:00:00.250Z,bob,,2\n"
JSON = (
    '{"at": "2013-06-01T00:00:00Z", "who": "ann", "what": "open", "n": 1, "more": [1]}\n'
    '{"at": "2013-06-01T12:00:00.250Z", "who": "bob", "n": 2}\n'
)
TWO = [
    {"at": datetime(2013, 6, 1, tzinfo=UTC), "who": "ann", "what": "open", "n": 1},
    {"at": datetime(2013, 6, 1, 12, 0, 0, 250_000, tzinfo=UTC), "who": "bob", "what": None, "n": 2},
]
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": lambda plain: pa.compress(plain, "zstd", asbytes=True),
    ".bz2": bz2.compress,
}


def parquet(folder: Path, table: pa.Table) -> bytes:
    path = folder / "written"
    pa.parquet.write_table(table, path)
    written = path.read_bytes()
    path.unlink()
    return written


def plain(folder: Path, form: str) -> bytes:
    match form:
        case "csv":
            return CSV.encode()
        case "tsv":
            return CSV.replace(",", "\t").encode()
        case "parquet":
            kinds = pa.schema(
                [("at", pa.timestamp("us", "UTC")), ("who", "string"), ("what", "string"), ("n", "int16")]
            )
            return parquet(folder, pa.Table.from_pylist(TWO, kinds))
        case _:
            return JSON.encode()


def dataset(
    folder: Path, path: str, source: Roles | None = None, time: Roles | None = None, **columns: object
) -> datasets.Dataset:
    """A dataset of one path, with more said of its source, its times and its columns."""
    about = {"time": {"name": "at"} | dict(time or {}), "dimensions": ["what"], "measures": ["n"]} | columns
    return datasets.read(str(write(folder, source={"path": path} | dict(source or {}), columns=about)))


def prepared(folder: Path, path: str, **roles: Any) -> events.Events:
    return events.prepare(dataset(folder, path, **roles), folder / "home")


def rows(found: events.Events) -> list[dict[str, Any]]:
    return [row for batch in found.batches() for row in batch.to_pylist()]


def read(folder: Path, name: str, data: bytes | str, **roles: Any) -> list[dict[str, Any]]:
    (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return rows(prepared(folder, name, **roles))


def column(folder: Path, values: pa.Array, name: str = "n", **roles: Any) -> list[Any]:
    """The column `name` of a Parquet file that has these values there."""
    table = pa.table({"at": pa.array([0] * len(values), pa.timestamp("ms", "UTC")), "who": ["a"] * len(values)})
    table = table.set_column(table.schema.get_field_index(name), name, values) if name in ("at", "who") else table
    table = table if name in ("at", "who") else table.append_column(name, values)
    for other in {"what", "n"} - {name}:
        table = table.append_column(other, pa.nulls(len(values)))
    return [row[name] for row in read(folder, "values.parquet", parquet(folder, table), **roles)]


@contextmanager
def refused(*said: str) -> Iterator[None]:
    with pytest.raises(RequestError) as error:
        yield
    assert "\n" not in str(error.value)
    for part in said:
        assert part in str(error.value)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "json", "jsonl", "ndjson"])
def test_all_formats_hold_the_same_rows(tmp_path: Path, form: str, compression: str, zipped: bool) -> None:
    name, data = f"File.{form.upper()}{compression}", COMPRESSIONS[compression](plain(tmp_path, form))
    source = {"separator": "\t"} if form == "tsv" else {}
    if not zipped:
        assert read(tmp_path, name, data, source=source) == TWO
        return
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("notes.md", "not data")
        archive.writestr(f"in/{name}", data)
        archive.writestr(f"__MACOSX/._{name}", b"\0")
    assert rows(prepared(tmp_path, "all.zip", source=source)) == TWO


def test_files_of_a_folder_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    deep = tmp_path / "data" / "deep"
    deep.mkdir(parents=True)
    head, first, second = CSV.splitlines(keepends=True)
    (deep.parent / "b.csv").write_text(head + first)
    (deep / "a.csv.gz").write_bytes(gzip.compress((head + second).encode()))
    (deep.parent / "a.jsonl").write_text(JSON)
    for other in ("_SUCCESS.csv", ".hidden.csv", "README.md"):
        (deep.parent / other).write_text("nothing")
    found = prepared(tmp_path, "data")
    assert rows(found) == [*TWO, TWO[0], TWO[1]]
    (deep.parent / "c.csv").write_text(head + first)
    assert prepared(tmp_path, "data").fingerprint != found.fingerprint


@pytest.mark.parametrize(
    ("separator", "text"),
    [
        (";", CSV.replace(",", ";")),
        ("|", CSV.replace(",", "|")),
        (" ", " at   who what\t n \n2013-06-01T00:00:00Z  ann  open 1\n\n  2013-06-01T12:00:00.250Z bob NULL  2"),
    ],
)
def test_columns_may_have_other_separators(tmp_path: Path, separator: str, text: str) -> None:
    assert read(tmp_path, "file.txt", text, source={"separator": separator, "null": ["", "NULL"]}) == TWO


def test_runs_of_blanks_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 64)
    lines = "".join(f"  2013-06-01T00:00:00Z   u{i}  x   {i}  \n" for i in range(500))
    got = read(tmp_path, "file.txt", lines, source={"separator": " ", "names": NAMES})
    assert [row["n"] for row in got] == list(range(500))


def test_columns_of_a_file_without_a_header_are_named(tmp_path: Path) -> None:
    _, rest = CSV.split("\n", 1)
    assert read(tmp_path, "file.csv", rest, source={"names": NAMES}) == TWO


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('"open\nthe ""door"", now"', 'open\nthe "door", now'),
        ("日本 🙂", "日本 🙂"),
        ('""', ""),
        ("NA", None),
        ('"NA"', None),
        ("", None),
        ("true", "true"),
        (" x ", " x "),
    ],
)
def test_texts_of_csv_are_read_as_written_and_null_as_declared(tmp_path: Path, text: str, what: str | None) -> None:
    data = f"\ufeffat,who,what,n\r\n2013-06-01,a,{text},1\r\n2013-06-01,a,other,1\r\n"
    got = read(tmp_path, "file.csv", data, source={"null": ["", "NA"]})
    assert [row["what"] for row in got] == [what, "other"]


def test_json_lines_of_many_kinds(tmp_path: Path) -> None:
    texts = ['"2013-01-01"', "7", "true", "null", '"x"', "18446744073709551616"]
    numbers = ["1", "2.5", "true", "null", "-9223372036854775808", "9007199254740992"]
    lines = "\ufeff" + "\n\n".join(
        f'{{"at": "2013-01-01", "who": 1, "what": {t}, "n": {n}}}\r' for t, n in zip(texts, numbers, strict=True)
    )
    got = read(tmp_path, "file.jsonl", lines.replace("true, ", "false, ").replace(', "n": true', ', "n": null'))
    assert [row["what"] for row in got] == ["2013-01-01", "7", "false", None, "x", "18446744073709551616"]
    assert [row["n"] for row in got] == [1, 2.5, None, None, -(2.0**63), 2.0**53]
    assert {row["who"] for row in got} == {1}


def test_an_array_of_json_is_read_as_its_items_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = f"\ufeff [\n{JSON.strip().replace(chr(10), ', ')}]\n"
    assert read(tmp_path, "file.json", array) == TWO
    monkeypatch.setattr(readers, "ITEMS", 1)
    assert read(tmp_path, "other.json.gz", gzip.compress(array.encode())) == TWO
    monkeypatch.setattr(readers, "ARRAY", 99)
    with refused("long.json: the JSON array is longer than 0 MiB; write one object a line, as `jq -c '.[]'` does"):
        read(tmp_path, "long.json", array)


@pytest.mark.parametrize(
    ("source", "data"),
    [
        ({"encoding": "utf-16"}, CSV.encode("utf-16")),
        ({"encoding": "latin-1"}, CSV.replace("ann", "änn").encode("latin-1")),
        ({"quote": "'"}, CSV.replace("open", "'open'").encode()),
        ({"escape": "\\"}, CSV.replace("open", '"op\\"en"').encode()),
        ({"quote": ""}, CSV.replace("open", '"open').encode()),
        ({"skip": 2}, f"A report\n,,\n{CSV}".encode()),
        ({"footer": 2}, f"{CSV}\ntotal,,,3\n\n-- 2 rows\n\n".encode()),
        ({"footer": 1, "encoding": "utf-16"}, f"{CSV}total".encode("utf-16")),
        ({"skip": 1, "names": NAMES}, f"when,user,what,value\n{CSV.partition(chr(10))[2]}".encode()),
        ({"rename": {"who": "value", "n": "size"}}, CSV.replace("who", "value").replace(",n\n", ",size\n").encode()),
    ],
)
def test_files_are_read_as_the_source_says(tmp_path: Path, source: Roles, data: bytes) -> None:
    for name, compress in (("f.csv", bytes), ("f.csv.gz", gzip.compress)):
        got = read(tmp_path, name, compress(data), source=source)
        assert [(row["at"], row["n"]) for row in got] == [(row["at"], row["n"]) for row in TWO]
        assert [row["who"].replace("ä", "a") for row in got] == ["ann", "bob"]
        assert [str(row["what"]).replace('"', "") for row in got] == ["open", "None"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1,5", 1.5), ("-1.234.567,25", -1234567.25), ("1.234", 1234.0), ("7", 7.0), ('""', None), ("1e3", 1000.0)],
)
def test_a_decimal_comma_is_read(tmp_path: Path, text: str, wanted: float | None) -> None:
    data = f"at;who;what;n\n2013-06-01;a;1,5;{text}\n2013-06-01;a;x;0,5\n"
    got = read(tmp_path, "f.csv", data, source={"separator": ";", "decimal": ","})
    assert [(row["what"], row["n"]) for row in got] == [("1,5", wanted), ("x", 0.5)]


@pytest.mark.parametrize(
    ("source", "data", "said"),
    [
        (
            {"decimal": ","},
            b"at,who,what,n\n2013-06-01,a,b,1.5\n",
            "row 1: column `n` is `1.5`, not a number with a deci",
        ),
        ({"encoding": "utf-16"}, CSV.encode("utf-16")[:-1], "cannot be read: 'utf-16-le' codec can't decode"),
        ({"encoding": "ascii"}, CSV.replace("a", "ä").encode(), "; correct `encoding` under [source]"),
        (
            {"skip": 1},
            b"A report\nat,who,what,n\n2013-06-01,a,b,1\n2013-06-01,a\n",
            "row 2: the row has 2 columns, not 4",
        ),
        ({"footer": 9}, CSV.encode(), "the file is empty"),
        ({"rename": {"x": "who"}}, CSV.encode(), "`rename` under [source] calls column `who` `x`; write `x`"),
        ({"rename": {"who": "whom"}}, CSV.encode(), "no column is named `whom`; the columns are at, who, what, n"),
    ],
)
def test_a_file_that_is_not_as_the_source_says_is_refused(
    tmp_path: Path, source: Roles, data: bytes, said: str
) -> None:
    with refused("f.csv", said):
        read(tmp_path, "f.csv", data, source=source)


def test_repeated_ids_are_counted_and_left_out_where_they_are_unique(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "BLOCK", 256)
    ids = ["7", "x", "", "7", "", *map(str, range(100, 190)), "x", "7", "150"]
    data = "at,who,what,n\n" + "".join(f"2013-06-01,{text},b,{n}\n" for n, text in enumerate(ids))
    roles = {"id": "who", "subject": "what", "dimensions": []}
    (tmp_path / "f.csv").write_text(data)
    assert prepared(tmp_path, "f.csv", **roles).statistics.repeated == 4
    assert prepared(tmp_path, "f.csv", **roles).statistics.repeated == 4
    found = prepared(tmp_path, "f.csv", source={"unique": True}, **roles)
    assert found.statistics.repeated == 0
    assert [row["n"] for row in rows(found)] == [n for n in range(len(ids) - 3) if n != 3]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-5"], int),
        (["007", "1"], str),
        (["+5", "1"], str),
        (["9223372036854775807"], int),
        (["9223372036854775808"], str),
        (["1.0"], str),
        (["-0"], str),
    ],
)
def test_text_is_an_integer_only_as_integers_are_written(tmp_path: Path, texts: list[str], kind: type) -> None:
    lines = "".join(f"2013-01-01,{t},x,1\n" for t in texts)
    assert [row["who"] for row in read(tmp_path, "f.csv", f"at,who,what,n\n{lines}")] == [kind(t) for t in texts]


def test_types_are_the_same_however_a_file_falls_into_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 256)
    lines = "".join(f"2013-01-01,{i},{i},{i}\n" for i in range(200)) + "2013-01-01,x,x,0.5\n"
    for name, text in (("f.csv", f"at,who,what,n\n{lines}"), ("g.jsonl", "")):
        for line in lines.splitlines() if not text else []:
            at, who, what, n = line.split(",")
            who, what = (w if w.isdigit() else f'"{w}"' for w in (who, what))
            text += f'{{"at": "{at}", "who": {who}, "what": {what}, "n": {n}}}\n'
        got = read(tmp_path, name, text)
        assert [row["who"] for row in got] == [*map(str, range(200)), "x"]
        assert [row["n"] for row in got] == [*map(float, range(200)), 0.5]


WRITES_VIEWS = pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 21, reason="pyarrow before 21 writes no string_view into Parquet"
)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pa.array([True, None, False]), [1, None, 0]),
        (pa.array([Decimal("1.25"), Decimal("3")]), [1.25, 3.0]),
        (pa.array([Decimal("12"), Decimal("-3")], pa.decimal128(18, 0)), [12, -3]),
        (pa.array([1, 2**63 - 1], pa.uint64()), [1, 2**63 - 1]),
        (pa.array(["1", "2", None]).dictionary_encode(), [1, 2, None]),
        (pa.array(["1e20", "1"]), [1e20, 1.0]),
        (
            pa.array(["0.30000000000000004", "-9007199254740994", "2.5000000000000000000"]),
            [0.1 + 0.2, -(2.0**53) - 2, 2.5],
        ),
        (pa.array([Decimal("-1234567890123.45"), Decimal("0.10")], pa.decimal128(38, 18)), [-1234567890123.45, 0.1]),
        (pa.array(["", "1"]), [None, 1]),
        (pa.array(["1", "2"], pa.large_string()), [1, 2]),
        pytest.param(pa.array(["1", "2"], pa.string_view()), [1, 2], marks=WRITES_VIEWS),
        (pa.array([b"1", b"2"], pa.binary()), [1, 2]),
        (pa.array([1.5, float("nan"), -0.0], pa.float32()), [1.5, None, 0.0]),
        (pa.array(["NaN", "1.5"]), [None, 1.5]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_measures_become_integers_or_floats(tmp_path: Path, values: pa.Array, wanted: list[Any]) -> None:
    got = column(tmp_path, values)
    assert got == wanted
    assert [type(v) for v in got] == [type(v) for v in wanted]
    assert str(got) == str(wanted)  # and no negative zero


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pa.array([1, 2**64 - 1], pa.uint64()), "`18446744073709551615`, of more than 64 bits"),
        (pa.array(["1", "-99999999999999999999"]), "`-99999999999999999999`, of more than 64 bits"),
        (pa.array(["0.5", "12345678901234567.89", None]), "`12345678901234567.89`, of more than 17 digits"),
        (pa.array(["0.5", "9007199254740993"]), "`9007199254740993`, of more than 15 digits"),
        (pa.array([Decimal("1"), Decimal("12345678901234.567")]), "`12345678901234.567`, of more than 15 digits"),
        (pa.array([0, 2**63], pa.decimal128(19, 0)), "`9223372036854775808`, of more than 15 digits"),
    ],
)
def test_measures_that_no_sum_keeps_are_refused(tmp_path: Path, values: pa.Array, said: str) -> None:
    with refused(f"values.parquet: row 2: column `n` is {said}, so sums would be inexact", "take n out of `measures`"):
        column(tmp_path, values)


@pytest.mark.parametrize("place", ["question sums", "layouts.day"])
def test_sums_that_can_exceed_64_bits_are_refused_by_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "data.csv").write_text("at,who,n\n" + "2013-06-01,a,-5000000000000000000\n" * 2)
    sums, layouts = [aggregate("sums", "mean(n)")], {"day": {"grain": "day", "measures": ["sum(n)"]}}
    asked = {"layouts": layouts} if place != "question sums" else {"questions": sums}
    mine = datasets.read(str(write(tmp_path, columns={"measures": ["n"]}, **asked)))
    with refused(
        f"mine.toml: {place}: ", "(n) can exceed 64 bits, since the values of `n` add up to 1e+19; write them"
    ):
        events.prepare(mine, tmp_path / "home")


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([5, 7]).dictionary_encode(), [5, 7]),
        (pa.array([5, 2**64 - 1], pa.uint64()), ["5", "18446744073709551615"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([date(2013, 6, 1)]), ["2013-06-01"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([b"\xc3\xa9"], pa.binary(2)), ["é"]),
    ],
)
def test_dimensions_become_integers_or_texts(tmp_path: Path, values: pa.Array, wanted: list[Any]) -> None:
    assert column(tmp_path, values, "what") == wanted


NEW_YORK = {"zone": "America/New_York"}


@pytest.mark.parametrize(
    ("text", "time", "wanted"),
    [
        ("2013-06-01", {}, "2013-06-01T00:00:00+00:00"),
        ("2013-06-01 10:00", {}, "2013-06-01T10:00:00+00:00"),
        ("2013-06-01T10:00:00.5", {}, "2013-06-01T10:00:00.500000+00:00"),
        ("2013-06-01T10:00:00.123456789Z", {}, "2013-06-01T10:00:00.123000+00:00"),
        ("1969-12-31T23:59:59.999999Z", {}, "1969-12-31T23:59:59.999000+00:00"),
        ("2013-06-01T10:00:00+05:30", NEW_YORK, "2013-06-01T04:30:00+00:00"),
        ("2013-06-01T10:00:00-0400", {}, "2013-06-01T14:00:00+00:00"),
        ("2013-06-01T10:00:00", NEW_YORK, "2013-06-01T14:00:00+00:00"),
        ("2013-03-10T02:30:00", NEW_YORK, "2013-03-10T07:00:00+00:00"),
        ("2013-11-03T01:30:00", NEW_YORK, "2013-11-03T05:30:00+00:00"),
        ("20130601", {"format": "%Y%m%d"} | NEW_YORK, "2013-06-01T04:00:00+00:00"),
        ("31/May/2013:23:00:00 -0500", {"format": "%d/%b/%Y:%H:%M:%S %z"}, "2013-06-01T04:00:00+00:00"),
        ("1/3/2020 5:07 PM", {"format": "%d/%m/%Y %I:%M %p"}, "2020-03-01T17:07:00+00:00"),
        ("02-Jan-2013", {"format": "%d-%b-%Y"}, "2013-01-02T00:00:00+00:00"),
        ("01/Jun/2013:10:00:00 +0200", {"format": "%d/%b/%Y:%H:%M:%S %z"}, "2013-06-01T08:00:00+00:00"),
        ("1370044800", {"format": "seconds"}, "2013-06-01T00:00:00+00:00"),
        ("-1", {"format": "milliseconds"} | NEW_YORK, "1969-12-31T23:59:59.999000+00:00"),
        ("1370044800000999", {"format": "microseconds"}, "2013-06-01T00:00:00+00:00"),
        ("0001-01-01", {}, "0001-01-01T00:00:00+00:00"),
        ("9999-12-31", {}, "9999-12-31T00:00:00+00:00"),
    ],
)
def test_times_of_csv_and_json_become_instants(tmp_path: Path, text: str, time: Roles, wanted: str) -> None:
    kept = datetime.fromisoformat(wanted)
    assert read(tmp_path, "f.csv", f"at,who,what,n\n{text},a,b,1\n", time=time)[0]["at"] == kept
    written = text if re.fullmatch(r"-?\d+", text) else f'"{text}"'
    assert (
        read(tmp_path, "f.jsonl", f'{{"at": {written}, "who": "a", "what": "b", "n": 1}}', time=time)[0]["at"] == kept
    )


def test_times_with_and_without_offset_in_one_column(tmp_path: Path) -> None:
    lines = "".join(f"{t},a,b,1\n" for t in ("2013-06-01T10:00:00Z", "2013-06-01T10:00:00", "2013-06-01"))
    got = [row["at"].hour for row in read(tmp_path, "f.csv", f"at,who,what,n\n{lines}", time=NEW_YORK)]
    assert got == [10, 14, 4]


@pytest.mark.parametrize(
    ("values", "hour"),
    [
        (pa.array([datetime(2013, 6, 1, 10)], pa.timestamp("ns")), 14),
        (pa.array([datetime(2013, 6, 1, 10)], pa.timestamp("s", "Asia/Kolkata")), 10),
        (pa.array([date(2013, 6, 1)], pa.date32()), 4),
        (pa.array([date(2013, 6, 1)], pa.date64()), 4),
    ],
)
def test_times_of_parquet_become_instants(tmp_path: Path, values: pa.Array, hour: int) -> None:
    assert column(tmp_path, values, "at", time=NEW_YORK)[0].hour == hour


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

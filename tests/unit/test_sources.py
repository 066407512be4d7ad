"""A user's own files: formats, compression, folders, separators, texts and ids."""

import gzip
import zipfile
from pathlib import Path

import pytest

from rollup_bench.workloads import readers
from tests.support.sources import COMPRESSIONS, CSV, JSON, NAMES, TWO, Roles, plain, prepared, read, refused, rows


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

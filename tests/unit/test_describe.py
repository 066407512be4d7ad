"""A dataset file drafted from data: it runs as it is."""

import json
import tomllib
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet
import pytest

from rollup_bench.harness.describe.draft import draft
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.command import Command

ROWS = "".join(
    f'{i % 28 + 1:02d}/0{i % 3 + 4}/2013,{i},{"ab"[i % 2]},"{i % 7}, or so",{i * 0.5},{i % 5}\n' for i in range(200)
)
HEAD = "day,order id,channel,page (kind),price,items\n"


def table(folder: Path) -> pa.Table:
    (folder / "table.csv").write_text(HEAD + ROWS)
    whole = pa.csv.read_csv(folder / "table.csv")
    times = pa.array([f"2013-0{i % 3 + 4}-{i % 28 + 1:02d}T10:00:00" for i in range(200)]).cast(pa.timestamp("us"))
    return whole.set_column(0, "day", times)


def written(folder: Path, form: str) -> Path:
    path = folder / f"my data.{form}"
    match form:
        case "csv" | "csv.zip":
            text = HEAD.replace("day", "at") + "".join(
                f"2013-0{i % 3 + 4}-02,{line}\n" for i, line in enumerate(tails())
            )
            if form == "csv":
                path.write_text(text)
            else:
                with zipfile.ZipFile(path, "w") as archive:
                    archive.writestr("data.csv", text)
        case "tsv":
            path.write_text("\n".join("\t".join(["1370044800", "ann", str(i)]) for i in range(5)))
            path.write_text("when\tuser_id\tn\n" + path.read_text() + "\n")
        case "parquet":
            pa.parquet.write_table(table(folder), path)
        case "folder":
            path.mkdir()
            for part in range(3):
                pa.parquet.write_table(table(folder).slice(part * 50, 50), path / f"part-{part}.parquet")
        case _:
            rows = table(folder).to_pylist()
            lines = (
                f'{{"id": {i}, "at": "{row["day"]:%Y-%m-%dT%H:%M:%SZ}", "who": "u{i % 9}", "n": {i}}}'
                for i, row in enumerate(rows)
            )
            path.write_text("\n".join(lines) if form == "jsonl" else f"[{', '.join(lines)}]")
    return path


def tails() -> list[str]:
    return [line.split(",", 1)[1] for line in ROWS.splitlines()]


@pytest.fixture
def described(command: Command, tmp_path: Path) -> Callable[..., str]:
    """The draft of a dataset file for a CSV file `f.csv` of this text."""

    def drafted(text: str, *options: str) -> str:
        (tmp_path / "f.csv").write_text(text)
        return command.done("data", "describe", str(tmp_path / "f.csv"), *options)

    return drafted


@pytest.mark.parametrize("form", ["csv", "csv.zip", "tsv", "parquet", "folder", "jsonl", "json"])
def test_a_draft_runs_as_it_is(command: Command, tmp_path: Path, form: str) -> None:
    path = written(tmp_path, form)
    draft = command.done("data", "describe", str(path))
    (tmp_path / "drafted.toml").write_text(draft)
    shown = command.done("run", "--dataset", str(tmp_path / "drafted.toml"), "--layouts", "all")
    for name in ("by-day", "totals", "retention", "duckdb/day"):
        assert name in shown
    assert "wrong" not in shown
    assert "failed" not in shown
    answer = command.done("ask", "by-day", "--dataset", str(tmp_path / "drafted.toml"), "--format", "csv")
    assert len(answer.splitlines()) > 1


@pytest.mark.parametrize(
    ("text", "time", "roles"),
    [
        ("id,at,who\n1370044800,2013-06-01,a\n", {"name": "at"}, {"subject": "who", "measures": []}),
        ("n,d,user\n5,20130601,a\n", {"name": "d", "format": "%Y%m%d"}, {"subject": "user", "measures": ["n"]}),
        ("t,user\n1370044800123,a\n", {"name": "t", "format": "milliseconds"}, {"subject": "user"}),
        ("t,user\n06/30/2013,a\n", {"name": "t", "format": "%m/%d/%Y"}, {"subject": "user"}),
        ("t,user\n2013-06,a\n", {"name": "t", "format": "%Y-%m"}, {"subject": "user"}),
        ("t,user\n30.06.2013,a\n", {"name": "t", "format": "%d.%m.%Y"}, {"subject": "user"}),
        ("who,t,age\na,2013-06-01 10:00:00,7\n", {"name": "t"}, {"subject": "who", "dimensions": []}),
        (
            "t,email,paid\n" + "2013-06-01,a,yes\n2013-06-01,b,no\n2013-06-01,c,no\n" * 2,
            {"name": "t"},
            {"subject": "email"},
        ),
        (
            "ended,started,who\n-,1370044800,a\n1370044900,1370044800,b\n",
            {"name": "started", "format": "seconds"},
            {"subject": "who", "measures": ["ended"]},
        ),
        (
            "t,page,ride id\n" + "2013-06-01,a,1\n2013-06-01,b,1\n2013-06-01,c,2\n" * 2,
            {"name": "t"},
            {"subject": "ride id"},
        ),
    ],
)
def test_a_draft_names_the_time_the_subject_and_the_measures(
    described: Callable[[str], str], text: str, time: dict[str, str], roles: dict[str, object]
) -> None:
    drafted = tomllib.loads(described(text))["columns"]
    assert drafted["time"] == time
    assert {name: drafted[name] for name in roles} == roles


MANY = "at,text,who\n" + f"2013-01-01,{'x' * 50},a\n" * 60_000
"""More rows than one block of a file holds."""


def test_the_share_of_the_rows_that_is_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(MANY)
    said: list[str] = []
    draft(tmp_path / "f.csv", say=said.append)
    assert len(said) > 1
    assert said[-1].startswith("reading at: 100%")


def test_the_span_is_that_of_all_rows(described: Callable[[str], str]) -> None:
    drafted = tomllib.loads(described(f"{MANY}2015-03-04,x,a\n"))
    assert [str(d) for d in drafted["questions"][0]["parameters"].values()] == ["2013-01-01", "2015-03-05"]


def test_words_for_null_in_a_column_of_numbers_are_written_down(
    command: Command, described: Callable[[str], str], tmp_path: Path
) -> None:
    text = described("at,who,fare,plan\n2013-01-01,a,1.5,NA\n2013-01-02,b,NA,x\n2013-01-03,a,,y\n")
    drafted = tomllib.loads(text)
    assert drafted["source"]["null"] == ["", "NA"]
    assert drafted["columns"]["measures"] == ["fare"]
    assert "# read as NULL, also in columns of texts: plan\n" in text
    (tmp_path / "f.toml").write_text(text)
    asked = ["ask", "by-day", "--dataset", str(tmp_path / "f.toml"), "--format", "csv"]
    assert "2013-01-02 00:00:00.000Z" in command.done(*asked)


def test_words_for_null_of_both_kinds_are_found(described: Callable[[str], str]) -> None:
    drafted = tomllib.loads(described("at,who,fare,plan,flag\n2013-01-01,a,1.5,NULL,-\n2013-01-02,b,NA,x,y\n"))
    assert drafted["source"]["null"] == ["", "NA", "NULL"]
    assert drafted["columns"]["dimensions"] == ["plan", "flag"]


def test_words_are_words_where_no_column_becomes_numbers_without_them(described: Callable[[str], str]) -> None:
    drafted = tomllib.loads(described("at,who,fare\n2013-01-01,a,NA\n"))
    assert "null" not in drafted["source"]
    assert drafted["columns"]["measures"] == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"who,at\n1,2013-01-01\n2,soon\n", ": row 2: column `at` is `soon`, not ISO 8601"),
        (f"{MANY}soon,x,a\n".encode(), ": row 60001: column `at` is `soon`, not ISO 8601"),
        (b"\x14\xff,who\n1,2\n", " is not a text: it has the character U+0014; correct its ending"),
    ],
    ids=["no time", "no time in a later block", "no text"],
)
def test_what_cannot_be_read_is_named(command: Command, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "f.csv").write_bytes(data)
    assert f"f.csv{said}" in command.refused("data", "describe", str(tmp_path / "f.csv"))


def test_columns_that_no_role_fits_are_named(described: Callable[[str], str]) -> None:
    drafted = described("at,who,size,seen\n" + "2020-01-02,ann,1,2020-01-03\n" * 3)
    assert '# Columns that are left out:\n#   "seen": it contains times\n' in drafted
    columns = tomllib.loads(drafted)
    assert columns["source"]["rename"] == {"size_": "size"}
    assert columns["columns"]["measures"] == ["size_"]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_values_within_objects_are_columns(command: Command, tmp_path: Path, form: str) -> None:
    at, user = "2020-01-01", {"name": "b", "id": 7, "place": {"country": "FR", "size": 2}}
    rows = [{"at": at, "user": user, "tags": ["x"]}, {"at": at, "user": user | {"id": 8}}, {"at": at, "user": user}]
    path = tmp_path / f"f.{form}"
    if form == "jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    else:
        pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    text = command.done("data", "describe", str(path))
    drafted = tomllib.loads(text)["columns"]
    assert (drafted["subject"], drafted["dimensions"]) == ("user.id", ["user.name", "user.place.country"])
    assert drafted["measures"] == ["user.place.size"]
    assert '"tags": it contains lists; write each value that is wanted as a column\n' in text
    (tmp_path / "f.toml").write_text(text)
    answer = command.done("ask", "totals", "--dataset", str(tmp_path / "f.toml"), "--format", "csv")
    assert answer.splitlines()[1].endswith('"b",3,6,2')


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (['{"user": "a"}', '{"user": {"id": 1}}'], "`user` is an object in some rows and a value in others; write it"),
        (['{"user.id": 1, "user": {"id": 2}}'], "two values are named `user.id`; rename one of them"),
    ],
)
def test_objects_that_hide_a_value_are_refused(command: Command, tmp_path: Path, rows: list[str], said: str) -> None:
    (tmp_path / "f.jsonl").write_text("\n".join(rows))
    assert said in command.refused("data", "describe", str(tmp_path / "f.jsonl"))


def test_a_value_within_an_object_of_people_is_no_subject(described: Callable[[str], str], tmp_path: Path) -> None:
    rows = [{"at": "2020-01-01", "user": {"plan": f"p{n % 2}"}, "uid": f"u{n % 3}"} for n in range(9)]
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert tomllib.loads(draft(tmp_path / "f.jsonl"))["columns"]["subject"] == "uid"


@pytest.mark.parametrize("at", ["10.06.2020 10:00", "2020-06-10 10:00", "06/30/2020"])
def test_a_month_beside_a_time_is_a_dimension(described: Callable[[str], str], at: str) -> None:
    drafted = tomllib.loads(described(f"month;at;who\n2020-06;{at};a\n2020-07;{at};b\n2020-06;{at};a\n"))["columns"]
    assert (drafted["time"]["name"], drafted["subject"], drafted["dimensions"]) == ("at", "who", ["month"])


def test_durations_are_left_out_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,who,took\n" + "2020-01-01,a,00:01:30\n" * 2)
    text = draft(tmp_path / "f.csv")
    assert '"took": it contains times of day or durations; write durations as numbers of seconds, and times of' in text


@pytest.mark.parametrize(("order", "month"), [("day-first", 6), ("month-first", 5)], ids=["day first", "month first"])
def test_the_order_of_dates_is_asked_for_where_no_value_tells(
    command: Command, tmp_path: Path, order: str, month: int
) -> None:
    path = tmp_path / "f.csv"
    path.write_text("day,who\n" + "05/06/2020,ann\n" * 70_000 + "07/06/2020,bob\n")
    wrong = "column `day` can have the day or the month first, as in `05/06/2020`; give --dates day-first or"
    assert wrong in command.refused("data", "describe", str(path))
    drafted = tomllib.loads(command.done("data", "describe", str(path), "--dates", order))
    assert drafted["questions"][0]["parameters"]["start"].month == month
    path.write_text(path.read_text() + "31/06/2020,bob\n30/06/2020,bob\n")
    assert "row 70002: column `day` is `31/06/2020`, not like %d/%m/%Y" in command.refused(
        "data", "describe", str(path)
    )
    path.write_text(path.read_text().replace("31/06/2020,bob\n", ""))
    drafted = tomllib.loads(command.done("data", "describe", str(path)))
    assert drafted["columns"]["time"]["format"] == "%d/%m/%Y"
    refused = command("data", "describe", str(path), "--dates", "month-first")
    assert (refused[0], "not like %m/%d/%Y" in refused[2]) == (2, True)


def test_files_of_different_columns_share_those_that_fit(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    at = pa.array([f"2020-01-0{day}" for day in (1, 2, 3)])
    common = {"at": at, "who": ["a", "b", "a"], "n": [1, 2, 3], "what": ["x", "y", "x"]}
    pa.parquet.write_table(pa.table(common | {"old": [1, 2, 3]}), folder / "a.parquet")
    pa.parquet.write_table(pa.table(common | {"n": [0.5, 1, 2], "what": [1.5, 2, 3], "new": at}), folder / "b.parquet")
    text = command.done("data", "describe", str(folder))
    drafted = tomllib.loads(text)
    assert drafted["columns"]["measures"] == ["n"]
    assert f'#   "what": it contains texts, but numbers in {folder}/b.parquet\n' in text
    assert f'#   "old": {folder}/b.parquet has no such column\n' in text
    assert f'#   "new": {folder}/a.parquet has no such column\n' in text
    (tmp_path / "f.toml").write_text(text)
    answer = command.done("ask", "by-day", "--dataset", str(tmp_path / "f.toml"), "--format", "csv")
    assert answer.splitlines()[1].endswith(",2,1.5")


def test_files_that_do_not_tell_how_they_are_written_follow_the_others(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("at;who;paid\n2020-01-01;ann;1\n2020-01-02;ann;2\n")
    (tmp_path / "data" / "b.csv").write_bytes("at;who;paid\n2020-01-01;Zoë;1,5\n".encode("latin-1"))
    source = tomllib.loads(command.done("data", "describe", str(tmp_path / "data")))["source"]
    assert (source["encoding"], source["separator"], source["decimal"]) == ("windows-1252", ";", ",")


def test_files_that_are_written_differently_are_refused(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("at,who\n2020-01-01,ann\n")
    (tmp_path / "data" / "b.csv").write_text("at;who\n2020-01-01;ann\n")
    line = command.refused("data", "describe", str(tmp_path / "data"))
    assert "a.csv has separator ',', and " in line
    assert "b.csv ';'; write both in the same way, or describe each by itself" in line


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("at,uid,n\n2020-01-01,7,1\n2020-01-02,8,2\n2020-01-03,7,2\n", "uid"),
        ("at,shop,n\n2020-01-01,7,1\n2020-01-02,8,2\n2020-01-03,7,3\n", "shop"),
    ],
)
def test_integers_can_be_the_subject(described: Callable[[str], str], text: str, subject: str) -> None:
    drafted = tomllib.loads(described(text))["columns"]
    assert (drafted["subject"], drafted["measures"]) == (subject, ["n"])


@pytest.mark.parametrize(
    ("head", "subject", "time"),
    [
        ("Datum;Sekunden;Kundennummer", "Kundennummer", "Datum"),
        ("Zeitpunkt;Urkunde;Benutzer", "Benutzer", "Zeitpunkt"),
        ("date_heure;page;utilisateur", "utilisateur", "date_heure"),
        ("Date;article;N° client", "N° client", "Date"),
        ("fecha;producto;usuario", "usuario", "fecha"),
        ("date;wholesale;who", "who", "date"),
        ("Datum;Skonto;Kontostand;Kundennr", "Kundennr", "Datum"),
    ],
)
def test_the_subject_is_found_by_its_name_in_four_languages(
    described: Callable[[str], str], head: str, subject: str, time: str
) -> None:
    others = ";".join(f"{n}" for n in range(head.count(";") - 1))
    rows = "".join(f"2020-01-0{n};{others};{n % 3}\n" for n in range(1, 10))
    drafted = tomllib.loads(described(f"{head}\n{rows}"))["columns"]
    assert (drafted["subject"], drafted["time"]) == (subject, {"name": time})


@pytest.mark.parametrize("birth", ["Geburtsdatum", "birth_date", "DOB", "date de naissance", "fecha_nacimiento"])
def test_dates_of_birth_are_no_times_of_events(described: Callable[[str], str], birth: str) -> None:
    text = described(f"{birth};who;on\n" + "1991-02-03;a;05.06.2020\n1992-02-03;b;25.06.2020\n" * 3)
    assert tomllib.loads(text)["columns"]["time"]["name"] == "on"


def test_numbers_of_orders_are_their_ids(described: Callable[[str], str]) -> None:
    text = described("Datum;Bestellnr.;Kunde\n" + "".join(f"2020-01-0{n};{n};u{n % 3}\n" for n in range(1, 10)))
    assert tomllib.loads(text)["columns"]["id"] == "Bestellnr."


def test_without_texts_and_integers_there_is_no_subject(command: Command, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("at,n\n2020-01-01,1.5\n2020-01-02,2\n")
    line = command.refused("data", "describe", str(tmp_path / "f.csv"))
    assert "no column but `at` has texts or integers in all files; a dataset needs a subject: add a column" in line


def test_an_id_of_each_event_is_drafted_and_a_cohort_is_not_without_repeats(described: Callable[[str], str]) -> None:
    text = described("at,order_id,who\n" + "".join(f"2020-01-0{n},{n},u{n}\n" for n in range(1, 10)))
    drafted = tomllib.loads(text)
    assert drafted["columns"]["id"] == "order_id"
    assert [question["name"] for question in drafted["questions"]] == ["by-day", "totals"]
    assert '# There is no cohort: no "who" repeats in the first 9 rows.\n' in text


def test_an_id_of_events_of_which_few_repeat_is_not_the_subject(described: Callable[[str], str]) -> None:
    rows = [f"2020-01-02,{min(number, 28)},c{number % 7}\n" for number in range(30)]
    drafted = tomllib.loads(described("at,order_id,Kunde\n" + "".join(rows)))["columns"]
    assert (drafted["subject"], drafted["id"]) == ("Kunde", "order_id")


def test_names_of_any_kind_can_be_used(command: Command, described: Callable[[str], str], tmp_path: Path) -> None:
    names = ["at", "who", "value", "size", "age", "step", "subjects", "cohort", "bucket", "grouping_id", "Value", "Who"]
    names += ['a ""b""', "sum(x)", "", " ", "select", "ÄÖ"]
    rows = "".join(",".join([f"2020-01-0{n}", "ann", *(f"v{n % 3}" for _ in names[2:])]) + "\n" for n in range(1, 9))
    text = described(",".join(f'"{name}"' for name in names) + "\n" + rows)
    by = tomllib.loads(text)["columns"]["dimensions"]
    assert len(by) == len(names) - 2
    text = text.replace('by = ["value_"]', f"by = {json.dumps(by, ensure_ascii=False)}")
    (tmp_path / "f.toml").write_text(text)
    assert "wrong" not in command.done("run", "--dataset", str(tmp_path / "f.toml"), "--layouts", "all")


def test_numbers_that_no_sum_keeps_are_no_measures(command: Command, tmp_path: Path) -> None:
    table = {"at": ["2020-01-01", "2020-01-02"], "who": ["a", "a"], "hash": pa.array([1, 2**64 - 1], pa.uint64())}
    table |= {"long": [Decimal("12345678901234567.89"), Decimal("1.00")], "paid": [Decimal("1.25"), Decimal("2.50")]}
    pa.parquet.write_table(pa.table(table), tmp_path / "f.parquet")
    text = command.done("data", "describe", str(tmp_path / "f.parquet"))
    drafted = tomllib.loads(text)["columns"]
    assert (drafted["dimensions"], drafted["measures"]) == (["hash"], ["paid"])
    assert '#   "long": column `long` is `12345678901234567.89`, of more than 15 digits' in text
    (tmp_path / "f.toml").write_text(text)
    assert "2.50" in command.done("ask", "totals", "--dataset", str(tmp_path / "f.toml"))


def test_numbers_that_are_keys_are_no_measures(described: Callable[[str], str]) -> None:
    rows = "".join(f"2020-05-0{n},u{n % 3},0{n}123,$1,00{n}.50,10.0.0.{n}\n" for n in range(1, 9))
    text = described("at;who;zip;paid;address\n" + rows.replace(",", ";").replace("$1;", "$1,"))
    drafted = tomllib.loads(text)["columns"]
    assert (drafted["dimensions"], drafted["measures"]) == (["zip", "address"], ["paid"])


def test_objects_in_a_list_of_an_object_are_refused_with_the_remedy(command: Command, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text('{"orders": [{"at": "2020-01-01", "who": "ann"}]}')
    line = command.refused("data", "describe", str(tmp_path / "f.json"))
    assert "f.json: the objects are in lists under `orders`; write them one a line, as `jq -c '.orders[]'` does" in line


def test_times_with_a_zone_need_none(described: Callable[..., str]) -> None:
    remark = '# add zone = "Europe/Paris"'
    local, zoned = (
        ["2024-01-02 03:04:05", "02-01-2024"],
        ["2024-01-02T03:04:05+02:00", "20240102T030405Z", "1704164645"],
    )
    assert all(remark in described(f"at,who\n{time},a\n", "--dates", "day-first") for time in local)
    assert not any(remark in described(f"at,who\n{time},a\n") for time in zoned)


@pytest.mark.parametrize("time", ["20240102 030405", "20240102030405", "20240102T030405Z", "20240102 03:04"])
def test_dates_without_marks(described: Callable[[str], str], tmp_path: Path, time: str) -> None:
    (tmp_path / "f.toml").write_text(described(f"at,who\n{time},a\n"))
    (batch,) = events.prepare(datasets.read(str(tmp_path / "f.toml")), tmp_path / "home").batches()
    assert f"{batch.column('at')[0].as_py():%H:%M}" == "03:04"


def test_a_cohort_begins_with_the_week_of_the_first_event(described: Callable[[str], str]) -> None:
    days = "".join(f"2024-03-{day},a\n" for day in range(14, 31))
    assert described(f"at,who\n2024-02-29,a\n{days}").rpartition("start = ")[2].startswith("2024-02-26")

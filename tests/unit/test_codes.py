"""Texts of digits that numbers would change: they are the same in drafts, events, answers, prints and exports."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from rollup_bench.harness.describe.draft import draft
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.command import Command

CODES = {"zip": ["00123", "01234", "98765"], "sku": ["12E3", "1e5", "7E0"], "phone": ["+49301234567"] * 3}
ROWS = [
    {"at": "2020-01-01", "who": "a", **dict(zip(CODES, row, strict=True))} for row in zip(*CODES.values(), strict=True)
]
FILES = {"csv": ",".join(ROWS[0]) + "\n" + "".join(",".join(row.values()) + "\n" for row in ROWS)}
FILES |= {"quoted.csv": FILES["csv"].replace(",", '","').replace("\n", '"\n"').removesuffix('"')}
FILES |= {"jsonl": "\n".join(map(json.dumps, ROWS)), "json": json.dumps(ROWS)}
FILES["quoted.csv"] = '"' + FILES["quoted.csv"]


def written(folder: Path, ending: str) -> Path:
    path = folder / f"f.{ending}"
    if ending == "parquet":
        pa.parquet.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        path.write_text(FILES[ending])
    return path


@pytest.mark.parametrize("ending", [*FILES, "parquet"])
def test_codes_are_read_as_they_are(tmp_path: Path, ending: str) -> None:
    (tmp_path / "f.toml").write_text(draft(written(tmp_path, ending)))
    mine = datasets.read(str(tmp_path / "f.toml"))
    assert {mine.columns.subject, *mine.columns.dimensions} == {"who", *CODES}
    (batch,) = events.prepare(mine, tmp_path / "home").batches()
    assert {name: batch.column(name).to_pylist() for name in CODES} == CODES


def test_one_code_far_down_makes_its_column_one_of_texts(tmp_path: Path) -> None:
    rows = "".join(f"2020-01-01,u{n % 9},{20_000 + n % 50}\n" for n in range(20_000))
    (tmp_path / "f.csv").write_text(f"at,who,zip\n{rows}2020-01-01,a,00123\n")
    assert 'dimensions = ["zip"]\nmeasures = []\n' in draft(tmp_path / "f.csv")


def test_telephone_numbers_stay_texts_and_the_draft_says_how_to_read_amounts(tmp_path: Path) -> None:
    numbers = ["212 555 101", "646 555 202"]
    (tmp_path / "f.csv").write_text("at,who,paid\n" + "".join(f"2020-01-01,{each[-1]},{each}\n" for each in numbers))
    text = draft(tmp_path / "f.csv")
    said = '#   "paid": its numbers are taken for telephone numbers; if they are amounts, write thousands = " " under'
    assert 'dimensions = ["paid"]\nmeasures = []\n' in text
    assert said in text
    amounts = text.replace('dimensions = ["paid"]\nmeasures = []', 'dimensions = []\nmeasures = ["paid"]')
    amounts = amounts.replace("[columns]", 'thousands = " "\n[columns]').split("[layouts")[0]
    (tmp_path / "f.toml").write_text(amounts)
    (batch,) = events.prepare(datasets.read(str(tmp_path / "f.toml")), tmp_path / "home").batches()
    assert batch.column("paid").to_pylist() == [212_555_101, 646_555_202]


QUESTION = """
[[questions]]
name = "codes"
kind = "aggregate"
by = ["zip", "sku", "phone"]
measures = ["count()"]
where = { zip = "$zip" }
[questions.parameters]
start = 2020-01-01
end = 2020-01-02
zip = "98765"
"""


def test_codes_are_printed_and_exported_as_they_are(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "f.toml"
    path.write_text(draft(written(tmp_path, "csv")) + QUESTION)

    def ask(form: str) -> str:
        return command.done("ask", "codes", "--dataset", str(path), "--set", "zip=00123", "--format", form)

    assert ask("csv").splitlines()[1] == '2020-01-01 00:00:00.000Z,"00123","12E3","+49301234567",1'
    assert ask("table").split()[-5:] == ["2020-01-01", "00123", "12E3", "+49301234567", "1"]
    rows: list[Any] = json.loads(ask("json"))["rows"]
    assert rows == [["2020-01-01T00:00:00Z", "00123", "12E3", "+49301234567", 1]]
    command.done("export", str(path), "--engine", "duckdb", "--layout", "raw", "--out", str(tmp_path / "out"))
    exported = pa.parquet.read_table(tmp_path / "out" / "data" / "events.parquet")
    assert {name: exported[name].to_pylist() for name in CODES} == CODES

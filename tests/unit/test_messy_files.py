"""Files as people have them, of the kinds of the Pollock benchmark: read right, or refused in one line that helps."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollup_bench.errors import RequestError
from rollup_bench.harness.describe.draft import draft
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events

NAMES = ["at", "who", "country", "amount", "note"]
NOTES = ["plain", "a, b", 'the "best"', "x;y", "tab\there", "pipe|d", "it's", "", "Zoë", "naïve café"]
START = datetime(2020, 5, 1, 10, tzinfo=UTC)
TRUTH: list[dict[str, Any]] = [
    {
        "at": START + timedelta(hours=13 * n),
        "who": f"user {n % 7}",
        "country": ["DE", "FR", "IT"][n % 3],
        "amount": None if n % 9 == 4 else n * 1.25 - 20,
        "note": NOTES[n % 10] or None,
    }
    for n in range(60)
]
ISO = "%Y-%m-%dT%H:%M:%SZ"


def moment(at: datetime, form: str) -> str:
    """A time in a format of strftime; `%s` stands for the seconds since 1970, whatever the zone of the machine."""
    return at.strftime(form.replace("%s", str(int(at.timestamp()))))


def text(
    form: str = ISO,
    number: Callable[[float], str] = str,
    null: str = "",
    header: bool = True,
    end: str = "\n",
    **way: Any,
) -> str:
    """The truth as a CSV file; the empty text stands for NULL in columns of texts."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator=end, **way)
    rows = [
        [
            moment(row["at"], form),
            row["who"],
            row["country"],
            null if row["amount"] is None else number(row["amount"]),
            row["note"] or "",
        ]
        for row in TRUTH
    ]
    writer.writerows([NAMES, *rows] if header else rows)
    return file.getvalue()


def grouped(marks: str, form: str = "{}") -> Callable[[float], str]:
    """Writes numbers above 1000 with this mark of thousands and this decimal mark."""
    return lambda number: form.format(f"{number + 5000:,.2f}".translate(str.maketrans(",.", marks)))


def comma(number: float) -> str:
    return str(number).replace(".", ",")


SINGLE: dict[str, Any] = {"quotechar": "'", "quoting": csv.QUOTE_ALL}
ESCAPED: dict[str, Any] = {"doublequote": False, "escapechar": "\\"}
US, EUROPE = "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M:%S"
PLAIN = text()
RIGHT: dict[str, str | bytes] = {
    "plain": PLAIN,
    "no newline at the end": PLAIN.rstrip("\n"),
    "empty lines at the end": PLAIN + "\n\n",
    "empty lines at the start": "\n\n" + PLAIN,
    "separator ;": text(delimiter=";"),
    "separator tab": text(delimiter="\t"),
    "separator |": text(delimiter="|"),
    "separator ; named for Excel": "sep=;\n" + text(delimiter=";"),
    "single quotes": text(**SINGLE),
    "single quotes, separator ;": text(delimiter=";", **SINGLE),
    "all quoted": text(quoting=csv.QUOTE_ALL),
    "escaped quotes": text(**ESCAPED),
    "line ends of Windows": text(end="\r\n"),
    "line ends of old Macs": text(end="\r"),
    "UTF-8 with a byte order mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a byte order mark": PLAIN.encode("utf-16-le"),
    "Windows-1252": PLAIN.encode("windows-1252"),
    "Latin-1": PLAIN.encode("latin-1"),
    "no header": text(header=False),
    "no header, separator ;": text(header=False, delimiter=";"),
    "decimal comma": text(number=comma, delimiter=";"),
    "decimal comma, quoted": text(number=comma),
    "decimal comma, tabs, no header": text(number=comma, delimiter="\t", header=False),
    "decimal comma and points": text(number=grouped(".,"), delimiter=";"),
    "thousands with commas": text(number=grouped(",.")),
    "thousands with commas, tabs": text(number=grouped(",."), delimiter="\t"),
    "thousands with spaces, decimal comma": text(number=grouped(" ,"), delimiter=";"),
    "thousands with no-break spaces": text(number=grouped("\N{NO-BREAK SPACE},"), delimiter=";").encode("windows-1252"),
    "thousands with narrow spaces": text(number=grouped("\N{NARROW NO-BREAK SPACE},"), delimiter=";"),
    "thousands with apostrophes": text(number=grouped("'.")),
    "thousands with curved apostrophes": text(number=grouped("’.")).encode("windows-1252"),
    "dollars with thousands": text(number=grouped(",.", "${}")),
    "euros with thousands": text(number=grouped(".,", "{}\N{NO-BREAK SPACE}€"), delimiter=";").encode("windows-1252"),
    "dollars, some below zero": text(number=lambda n: f"{'-' if n < 0 else ''}${abs(n):,.2f}"),
    "below zero in parentheses": text(number=lambda n: f"({abs(n)})" if n < 0 else str(n)),
    "minus after the number": text(number=lambda n: comma(abs(n)) + "-" * (n < 0), delimiter=";"),
    "the minus of mathematics": text(number=lambda n: comma(n).replace("-", "\N{MINUS SIGN}"), delimiter=";"),
    "numbers between blanks": text(number=lambda n: f"  {n} "),
    "kilograms": text(number=lambda n: f"{n} kg"),
    "percent": text(number=lambda n: f"{n} %"),
    **{f"NULL written {null}": text(null=null) for null in ("NA", "NULL", "N/A", "-", "\\N", "#N/A", "null", "None")},
    "NULL written NULL, quoted": text(null="", quoting=csv.QUOTE_ALL),
    "day/month/year": text("%d/%m/%Y %H:%M:%S"),
    "day-month-year": text("%d-%m-%Y %H:%M:%S"),
    "month/day/year": text("%m/%d/%Y %H:%M:%S"),
    "month/day/year, 12 hours": text(US),
    "month/day/year, a.m. and p.m.": text(US).replace(" AM", " a.m.").replace(" PM", " p. m."),
    "day.month.year": text(EUROPE),
    "a time that ends in UTC": text("%Y-%m-%d %H:%M:%S UTC"),
    "year/month/day": text("%Y/%m/%d %H:%M:%S"),
    "short year": text("%d/%m/%y %H:%M:%S"),
    "name of the month": text("%d-%b-%Y %H:%M:%S"),
    "time of a web server": text("%d/%b/%Y:%H:%M:%S +0000"),
    "Unix seconds": text("%s"),
    "Unix milliseconds": text("%s000"),
    "a title": "A report of our shop\n" + PLAIN,
    "a title of two lines and an empty one": "A report of our shop\nof May 2020\n\n" + PLAIN,
    "a title and a footer of a spreadsheet": f"A report;;;;\n{text(delimiter=';')}60 rows;;;;\n",
    "a footer": PLAIN + "60 rows\n",
    "a footer of two lines, separator ;": text(delimiter=";") + "\nTotal;123\nwritten by a program\n",
    "a footer as wide as the rows": PLAIN + ",,,1234.5,\n",
    "a footer that begins with a word": PLAIN + "Total,,,1234.5,\n",
    "a header without the name of the first column": PLAIN.replace("at,who", "who", 1),
    "two columns of one name": PLAIN.replace("country,", "who,", 1),
    "a column without a name": PLAIN.replace("country,", ",", 1),
    "names that answers have": PLAIN.replace("at,who,country,amount,note", "at,subjects,Bucket,value,step", 1),
    "European Excel": ("sep=;\r\n" + text(EUROPE, comma, delimiter=";", end="\r\n")).encode("windows-1252"),
    "German bank": ("Konto 123\n\n" + text(EUROPE, comma, delimiter=";", quoting=csv.QUOTE_ALL) + "Summe;1,5\n").encode(
        "latin-1"
    ),
    "French tabs": text("%d/%m/%Y %H:%M:%S", comma, delimiter="\t").encode("utf-16"),
}
REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a row that is too short": (PLAIN.replace("user 3,FR,", "user 3", 1), ": row 11: the row has 3 columns, not 5"),
    "a row that is too long": (PLAIN.replace("user 3,", "user 3,x,", 1), ": row 4: the row has 6 columns, not 5"),
    "days and months alike": (text("%m/05/%Y %H:%M:%S"), "give --dates day-first or --dates month-first"),
    "two lines of names": (PLAIN.replace("\n", "\nUTC,name,,EUR,\n", 1), "row 1: column `at` is `UTC`, not ISO 8601"),
    "no rows": (PLAIN.partition("\n")[0] + "\n", "has no rows; give a file with rows"),
    "nothing": ("", "the file is empty; write a line of column names and rows into it"),
    "a program": (b"\x7fELF\x02\x01\x01" + b"\0" * 99, " is not a text: it has the character U+0002"),
    "no times": ("a,b\nx,1\ny,2\n", "no column looks like a time; the columns are a, b"),
    "a total in the column of times": (PLAIN + "Total,60,x,1234.5,x\n", "row 61: column `at` is `Total`, not ISO 8601"),
}


def events_of(path: Path, home: Path) -> list[list[Any]]:
    """The events of the draft for a file, with the columns in the order of the file."""
    drafted = path.with_suffix(".toml")
    drafted.write_text(draft(path), encoding="utf-8")
    mine = datasets.read(str(drafted))
    names = ["at", *mine.source.rename] if mine.source.rename else mine.source.names or NAMES
    return [
        [row[name] for name in names] for batch in events.prepare(mine, home).batches() for row in batch.to_pylist()
    ]


def is_right(got: list[list[Any]], more: float) -> bool:
    """Whether these are the events of the truth, with `more` added to each amount."""
    wanted = [
        [None if value is None else value + more if name == "amount" else value for name, value in row.items()]
        for row in TRUTH
    ]
    return [[value if value != "" else None for value in row] for row in got] == wanted


def test_the_score_of_messy_files(tmp_path: Path) -> None:
    """Pollock's score of a file is 1 if all of its rows and cells are right; the score of a reader is the mean."""
    wrong: dict[str, str] = {}
    for number, (kind, content) in enumerate(RIGHT.items()):
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        try:
            got = events_of(path, tmp_path / "home")
            if not is_right(got, 5000.0 if "thousands" in kind or kind.endswith("points") else 0.0):
                wrong[kind] = str(got[:12])
        except (RequestError, ValueError) as error:
            wrong[kind] = repr(error)
    assert wrong == {}, f"score {1 - len(wrong) / len(RIGHT):.3f}"


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_read_right_is_refused(tmp_path: Path, kind: str) -> None:
    content, said = REFUSED[kind]
    path = tmp_path / "f.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(RequestError) as error:
        draft(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)

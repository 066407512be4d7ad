"""Words for NULL in the draft of a dataset file, and in the measures that are read by it."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from rollup_bench.harness.describe.draft import draft
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events

Described = Callable[[str], str]


@pytest.fixture
def described(tmp_path: Path) -> Described:
    """The draft of a dataset file for a file `f.csv` of this text."""

    def drafted(text: str) -> str:
        (tmp_path / "f.csv").write_text(text)
        return draft(tmp_path / "f.csv")

    return drafted


def fares(*words: str, name: str = "fare") -> str:
    """A file of twenty fares, 0.5 to 19.5, and of rows with these words instead of fares."""
    cells = [*(f"{number}.5" for number in range(20)), *words]
    return f"at,who,{name}\n" + "".join(f"2013-01-01,u{n % 5},{cell}\n" for n, cell in enumerate(cells))


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        (["k. A."], "read as NULL\n"),
        (["keine Angabe", "n/v", "#N/A", "-", "missing"], "read as NULL\n"),
        (['"NA"'], "read as NULL\n"),
        (["free", "free"], "read as NULL; `free` of fare since nearly all other values are numbers or times\n"),
    ],
)
def test_words_among_numbers_are_null(described: Described, tmp_path: Path, words: list[str], remark: str) -> None:
    text = described(fares(*words))
    drafted = tomllib.loads(text)
    assert drafted["source"]["null"] == ["", *sorted({word.strip('"') for word in words})]
    assert drafted["columns"]["measures"] == ["fare"]
    assert f"]   # {remark}" in text
    (tmp_path / "f.toml").write_text(text)
    found = events.prepare(datasets.read(str(tmp_path / "f.toml")), tmp_path / "home")
    assert (found.statistics.rows, found.statistics.magnitude) == (20 + len(words), {"fare": 200.0})


def test_words_among_times_are_null(described: Described) -> None:
    rows = "".join(f"2013-01-{n:02d} 10:00;u{n % 3};{n:02d}.02.2013\n2013-01-01 10:00;u1;k.A.\n" for n in range(1, 9))
    text = described(f"at;who;sent\n{rows}")
    assert tomllib.loads(text)["columns"]["time"] == {"name": "at"}
    assert '# Columns that are left out:\n#   "sent": it contains times\n' in text


def test_words_are_found_in_all_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name, fare in (("a", "1,5"), ("b", "k.A.")):
        rows = f"2013-01-01;u;1.500,25\n2013-01-01;v;{fare}\n" * 9
        (tmp_path / "data" / f"{name}.csv").write_text(f"at;who;fare\n{rows}")
    drafted = tomllib.loads(draft(tmp_path / "data"))
    assert (drafted["source"]["null"], drafted["columns"]["measures"]) == (["", "k.A."], ["fare"])


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (
            fares("free"),
            '#   "fare": `free` is no number; if it means NULL, write it in `null` under [source], and the',
        ),
        (fares("guest", "guest", name="customer"), '#   "customer": `guest` is no number; if it means NULL, write it'),
        (fares("a", "a", "b", "c"), ""),
    ],
    ids=["once", "a key", "several"],
)
def test_a_word_that_may_be_null_is_named(described: Described, text: str, doubt: str) -> None:
    drafted = described(text)
    assert "null =" not in drafted
    assert ("# Columns that stay texts:\n" + doubt in drafted) == bool(doubt)


def test_a_repeated_word_that_another_column_has_is_named(described: Described) -> None:
    rows = "".join(f"2013-01-01,u{n % 5},{n},open\n" for n in range(40))
    text = described(f"at,who,score,status\n{rows}2013-01-02,u1,closed,closed\n2013-01-02,u2,closed,closed\n")
    assert "null =" not in text
    assert '#   "score": `closed` is also a value of status; if it means NULL in both' in text


def test_words_for_null_in_measures_of_json(tmp_path: Path) -> None:
    rows = [f'{{"at": "2020-01-01", "who": "a", "n": {n}}}' for n in ("1", "2", '"n/a"', '""')]
    (tmp_path / "f.jsonl").write_text("\n".join(rows))
    roles = '[columns]\ntime = { name = "at" }\nsubject = "who"\nmeasures = ["n"]\n'
    (tmp_path / "f.toml").write_text(f'title = "x"\n[source]\npath = "f.jsonl"\nnull = ["n/a"]\n{roles}')
    found = events.prepare(datasets.read(str(tmp_path / "f.toml")), tmp_path / "home")
    assert (found.statistics.magnitude, found.statistics.types["n"]) == ({"n": 3.0}, "int64")

"""Every key of a dataset file given wrong: one line that names the file and the key, and nothing is written."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from rollup_bench.workloads.dataset import File, LayoutSpec
from rollup_bench.workloads.derived import Derived
from rollup_bench.workloads.mixes import Mix
from rollup_bench.workloads.source import Source
from rollup_bench.workloads.specs import SPECS
from rollup_bench.workloads.templates import Head
from tests.support.command import Command
from tests.support.datasets import SPAN, aggregate, cohort, write_whole

WHOLE: dict[str, Any] = {
    "title": "Mine",
    "zone": "UTC",
    "source": {"path": "data.csv"},
    "columns": {
        "time": {"name": "at"},
        "subject": "who",
        "action": "did",
        "id": "id",
        "dimensions": ["what"],
        "measures": ["n"],
        "received": {"name": "came"},
    },
    "derived": {"what": {"of": "what", "default": "none"}},
    "labels": {"what": {"a": "A"}},
    "layouts": {"hour": {"grain": "hour", "by": ["what"], "measures": ["count()", "sum(n)"]}},
    "questions": [
        aggregate("aggregate", "count()", by=["what"]),
        cohort("cohort", "day", 3),
        {"name": "funnel", "kind": "funnel", "steps": [{"did": "a"}], "window": 60, "parameters": SPAN},
    ],
    "mixes": [{"name": "mix", "weights": {"aggregate": 3, "cohort": 1}}],
}
PLACES = {"layout": ("layouts", "hour"), "derive": ("derived", "what"), "mix": ("mixes", 0)} | {
    q["name"]: ("questions", i) for i, q in enumerate(WHOLE["questions"])
}
SQL = "x'; DROP TABLE events; --"
CASES: dict[str, list[tuple[Any, ...]]] = {
    "title": [(1, "title is `1`; write a text in quotes"), (["x"], "title is a list")],
    "zone": [
        ("Mars", "zone is `Mars`, not a time zone"),
        ("../etc/passwd", "not a time zone"),
        (1, "write a time zone in quotes"),
    ],
    "source": [
        ("data.csv", "write where the events are"),
        ({}, "`path`, `url` and `generator`, and has none; write one of them"),
    ],
    "source.path": [
        (1, "a text in quotes"),
        ("nowhere.csv", "mine.toml: source.path: ", "nowhere.csv: No such file"),
        ("mine.toml", "source.path: ", "mine.toml is neither a file nor a folder of Parquet (.parquet)"),
        (SQL, "No such file"),
        ("bad\0name.csv", "null byte"),
        ("x" * 300 + ".csv", "File name too long"),
    ],
    "source.package": [
        (1, "a text in quotes"),
        ("nowhere", "mine.toml: source.package: the Python package nowhere is not installed"),
    ],
    "source.url": [
        (1, "write an address or a list of addresses, as in url ="),
        ([], "source.url is an empty list; write an address"),
        ("https://example.org/x.csv", "and has path and url; keep one of them"),
    ],
    "source.size": [
        (0, "source.size is `0`; write a whole number of at least 1"),
        (5, "size and sha256 are of the file of a single address in `url`; remove them"),
    ],
    "source.sha256": [
        ("0" * 63, "write 64 hexadecimal digits in lower case"),
        ("0" * 64, "size and sha256 are of the file of a single address in `url`; remove them"),
    ],
    "source.generator": [(1, "a text in quotes"), ("dice", "and has path and generator; keep one of them")],
    "source.rows": [(0, "source.rows is `0`; write a whole number of at least 1"), (2.5, "source.rows is `2.5`")],
    "source.seed": [("7", "source.seed is the text `7`; write a whole number")],
    "source.encoding": [
        ("utf-99", "encoding is `utf-99`; write one such as utf-16 or windows-1252"),
        (8, "a text in q"),
    ],
    "source.quote": [("''", "quote is `''`; write a single character, or \"\" for none"), (1, "a text in quotes")],
    "source.escape": [("ab", "escape is `ab`; write a single character"), (False, "a text in quotes")],
    "source.skip": [(-1, "source.skip is `-1`; write a whole number of at least 0"), (1, "the columns are 2013-01-01")],
    "source.footer": [(-1, "write a whole number of at least 0"), (2, "the file is empty")],
    "source.decimal": [(";", "source.decimal is the text `;`; write one of ,, .")],
    "source.thousands": [
        (";", 'source.thousands is the text `;`; write "," or "." or " " or "\'", as in thousands = ","'),
        (".", 'decimal and thousands are both `.`; write decimal = "," or remove thousands'),
    ],
    "source.signs": [
        ("$", 'source.signs is the text `$`; write the sign of each column, as in signs = { price = "$" }'),
        ({"n": 1}, "source.signs"),
        ({"n": " "}, 'signs.n is empty; write the sign, as in signs = { price = "$" }'),
    ],
    "source.rename": [
        ("x", "source.rename is the text `x`; write new names with those in the files"),
        ({"x": 1}, "source.rename"),
        ({"x": "what", "y": "what"}, "rename: `what` is listed twice"),
        ({"x": "what"}, "`rename` under [source] calls column `what` `x`; write `x`"),
        ({"what": "which"}, "no column is named `which`"),
    ],
    "source.row_number": [
        (1, "write a name for the new column in quotes"),
        ("line", "source.row_number: `line` has no role; name it under [columns], as in order = "),
    ],
    "source.unique": [("yes", "source.unique is the text `yes`; write true or false")],
    "source.separator": [("ab", "separator is `ab`; write a single character"), ("", "single"), (",,", "single")],
    "source.names": [("a,b", "list of texts"), ([1], "source.names[0] is `1`"), (["at"], "is named `came`")],
    "source.null": [("NA", "write texts that stand for NULL"), ([1], "source.null[0] is `1`; write a text")],
    "columns": [([], "write what the columns are")],
    "columns.time": [("at", "write a table of name, format, zone")],
    "columns.time.name": [("when", "is named `when`; the columns are"), ("who", "`who` is listed twice")],
    "columns.time.format": [
        ("ISO", "format is `ISO`; write a strptime format such as"),
        (1, "a text in quotes"),
        ("%H", "row 1: column `at` is `2013"),
    ],
    "columns.time.zone": [("Mars", "columns.time: zone is `Mars`, not a time zone")],
    "columns.subject": [
        (SQL, "is named"),
        (["who"], "the name of a column in quotes"),
        ("Age", "`Age` is the name of a column of answers; write `Age_` here and rename = { Age_ = "),
        ("WHAT", "`WHAT` and `what` differ only in upper and lower case; rename one of them by `rename`"),
    ],
    "columns.dimensions": [
        ("what", "write names of columns"),
        (["what", "x"], "is named `x`; the columns are"),
        (["n"], "twice"),
    ],
    "columns.measures": [
        ("n", "write names of columns"),
        (["what"], "columns: `what` is listed twice"),
        (["n", "m"], "is named `m`; the columns are at"),
    ],
    "columns.action": [([], "the name of a column in quotes"), ("nope", "is named `did`; add it")],
    "columns.id": [(7, "the name of a column in quotes"), ("n", "columns: `n` is listed twice")],
    "labels": [
        ("x", "write for each dimension its values with their labels"),
        ({"n": {}}, "labels: `n` is a measure, not a"),
    ],
    "columns.order": [
        (7, "the name of a column of integers in quotes"),
        ("n", "columns: `n` is listed twice"),
        ("line", "is named `line`; the columns are at"),
    ],
    "columns.received": [("came", "write a table of name, format, zone")],
    "columns.received.name": [("late", "is named `late`; the columns are at")],
    "columns.received.format": [("seconds", "row 1: column `came` is `2013-01-02`, not whole seconds")],
    "columns.received.zone": [("", "columns.received: zone is ``, not a time zone")],
    "derived": [
        ([], "derived is an empty list; write a table"),
        ({"what": {}}, "derived.what.of is missing; write the name of a column in quotes"),
        ({"what": {"of": "what"}}, "one of part, edges, split, prefix and default, and has none; write one of them"),
        ({"what": {"of": "n", "prefix": 1, "split": "x"}}, "and has split and prefix; keep one of them"),
        ({"x": {"of": "n", "prefix": 1}}, "derived.x: the column has no role; name it under [columns]"),
        ({"at": {"of": "came", "prefix": 1}}, "derived.at: `at` is a column of times"),
        (
            {"n": {"of": "n", "default": 0}, "what": {"of": "n", "prefix": 1}},
            "of: `n` is derived, too; name a column of the data",
        ),
    ],
    "derive.of": [(1, "derived.what.of is `1`; write"), ("nope", "no column is named `nope`; the columns are")],
    "derive.part": [
        ("age", "derived.what.part is the text `age`; write one of day, hour, month, quarter, week, weekday"),
        ("hour", "derived.what: of: `what` is not a column of times under [columns]; write at or came"),
    ],
    "derive.zone": [("UTC", "zone belongs to part; write part, or remove zone"), ("Mars", "`Mars`, not a time zone")],
    "derive.edges": [
        ([], "derived.what.edges is an empty list"),
        ([1, 1], "edges must be finite numbers in ascending order; write them so, as in [0, 10, 100]"),
        (["a"], "derived.what.edges[0] is the text `a`; write a number"),
    ],
    "derive.split": [("", "derived.what.split"), (1, "split is `1`; write a text in quotes")],
    "derive.take": [(1, "take belongs to split; write split, or remove take"), ("1", "take is the text `1`")],
    "derive.prefix": [(0, "prefix is `0`; write a whole number of at least 1")],
    "derive.default": [([], "derived.what.default is an empty list; write")],
    "dashboards": [
        ([], "dashboards is an empty list; write for each dashboard its questions"),
        ({"day": ["x"]}, "dashboards.day: no question is named `x`; write one of aggregate, cohort, funnel"),
        ({"day": []}, "dashboards.day: write a list of names of questions"),
        ({"day": "cohort"}, "dashboards.day: write a list"),
        ({"day": ["cohort", "cohort"]}, "`cohort` is listed twice"),
    ],
    "mixes": [({}, "mixes is a table; write a list of tables"), (["x"], "mixes[0] is the text `x`; write a table")],
    "mix.name": [
        (1, "mixes[0]: name is `1`"),
        ("a/b", "mix a/b: name is `a/b`; write only letters, digits"),
        ("cohort", "mix cohort: a question has this name, too; rename the mix"),
    ],
    "mix.story": [(1, "mix mix: story is `1`; write a text in quotes")],
    "mix.weights": [
        ([], "mix mix: weights is an empty list; write for each question a number above 0"),
        ({}, "mix mix: weights is a table; write for each question"),
        ({"aggregate": 0}, "mix mix: weights is a table; write for each question a number above 0"),
        ({"aggregate": "3"}, "mix mix: weights is a table; write for each question a number above 0"),
        ({"x": 1}, "mix mix: weights: no question is named `x`; write one of aggregate, cohort, funnel"),
    ],
    "layouts": [
        ([], "layouts is an empty list; write a table"),
        ({"raw": {}}, "layouts.raw: every dataset already has a layout `raw`"),
    ],
    "layout.grain": [("days", "grain is the text `days`; write one of all"), (1, "grain is `1`")],
    "layout.measures": [
        ([], "measures is an empty list; write measures, as in"),
        (["count"], "layouts.hour: `count` is not a measure; write count(), sum(x)"),
        (["sum(m)"], "measures: sum(m): no column under [columns] is named `m`"),
        (["count()", "count()"], "measures: `count()` is listed twice"),
    ],
    "layout.by": [(["n"], "`n` is a measure, not"), ("what", "write names of dimensions"), (["what", "what"], "twice")],
    "layout.zone": [("Mars", "layouts.hour: zone is `Mars`")],
    "questions": [({}, "questions is a table; write a list of tables"), (["x"], "the text `x`; write a table")],
    "question.name": [
        (1, "questions[0]: name is `1`"),
        ("a/b", "letters, digits"),
        ("cohort", "two questions have this name"),
    ],
    "question.story": [(1, "question aggregate: story is `1`; write a text in quotes")],
    "question.parameters": [
        ([], "write a table"),
        ({}, "parameters.start is missing; write a date or a time"),
        ({"start": date(2013, 1, 1)}, "parameters.end is missing"),
        (SPAN | {"m": 1}, 'parameters.m is not used; write "$m" where its value goes'),
        (SPAN | {"start": "2013-01-01"}, "start is `2013-01-01`; write a date or time, unquoted"),
        (SPAN | {"end": date(2012, 1, 1)}, "end 2012-01-01 00:00 is not after start 2013-01-01 00:00"),
        (SPAN | {"start": datetime.fromisoformat("0001-01-01T00:00:00+14:00")}, "write a time in the years 1 to 9999"),
    ],
    "question.draw": [
        ([], "draw is an empty list; write for each drawn parameter"),
        ({"m": [1]}, "draw.m: no parameter has this name"),
        ({"dates": {"first": 1}}, "draw.dates.first is `1`; write a date"),
        ({"m": {"column": "c"}}, "draw.m: no parameter has this name"),
        ({"dates": {"step": "year"}}, "draw.dates.step is the text `year`; write one of day, month, week"),
        ({"dates": {"first": date(2013, 2, 1), "last": date(2014, 1, 1)}}, "draw.dates excludes the default dates"),
        ({"dates": {"follow": ["until"]}}, "draw.dates.follow: `until` is not a date that can follow"),
    ],
    "aggregate.kind": [("sum", "kind is `sum`; write one of aggregate, cohort, funnel"), ([], "kind is missing")],
    "aggregate.zone": [("Mars", "question aggregate: zone is `Mars`, not a time zone")],
    "aggregate.measures": [
        ([], "question aggregate: measures is an empty list"),
        ([SQL], "is not a measure; write count()"),
        (["count(n)"], "count takes no column"),
        (["sum()"], "sum takes a column"),
        (["quantile(n)"], "quantile takes a fraction"),
        (["quantile(n, 1.5)"], "write one between 0 and 1"),
        (["distinct(who, error=2)"], "must be between 0 and 1"),
        (["sum(n, error=0.1)"], "only distinct and quantile take error="),
        (["sum(m)"], "measures: sum(m): no column under [columns] is named `m`; add it, or write at"),
        (["sum(what)"], "sum(what): column `what` contains texts; write a column of numbers"),
        (["count()", "count( )"], "measures: `count()` is listed twice"),
        (["$m"], "`$m` is no parameter; add it to"),
    ],
    "aggregate.grain": [("fortnight", "the text `fortnight`; write one"), (True, "grain is `true`; write one")],
    "aggregate.by": [
        (["when"], "by: no column under [columns]"),
        ("what", "write names of dimensions"),
        (["what", "what"], "twice"),
    ],
    "aggregate.subtotals": [("all", "subtotals is the text `all`; write one of cube, none, rollup")],
    "aggregate.where": [
        ([], "where is an empty list; write a table"),
        ({"m": 1}, "where.m: no column under [columns] is named `m`"),
        ({"what": {"like": "a"}}, "where.what.like is not a comparison; write one of eq, ne"),
        ({"what": []}, "where.what.in has a wrong value; write a list"),
        ({"what": date(2013, 1, 1)}, "where.what.eq has a wrong value; write a text in quotes"),
        ({"what": {"null": 1}}, "where.what.null is `1`; write true or false"),
        ({"what": 5}, "filter on `what`: the column contains texts, and `5` is not one; write a text"),
        ({"n": SQL}, "the column contains integers, and"),
        ({"n": 2**63}, "where.n.eq is an integer of more than 64 bits"),
        ({"at": 5}, "where.at: `at` contains times, so use start and end"),
    ],
    "aggregate.top": [(0, "top is `0`; write a whole number of at least 1"), ({}, "top.n is missing")],
    "aggregate.top.n": [(0, "top.n is `0`; write a whole number of at least 1"), ("10", "top.n is the text `10`")],
    "aggregate.top.measure": [("sum(n)", "top.measure is `sum(n)`; name one of count()"), ("x", "not a measure")],
    "aggregate.top.smallest": [(1, "top.smallest is `1`; write true or false")],
    "aggregate.top.error": [(1, "top.error is `1`; write a number of at least 0 and below 1"), (-0.1, "top.error")],
    "cohort.kind": [("Cohort", "kind is `Cohort`; write one of")],
    "cohort.zone": [(1, "question cohort: zone is `1`; write a time zone in quotes")],
    "cohort.until": [("2014-01-01", "until is `2014-01-01`; write a date or time")],
    "cohort.age": [(30, "age is `30`; write a table of unit, count, width, clock")],
    "cohort.age.unit": [
        ("decade", "age.unit is the text `decade`; write one of"),
        ("all", "neither age.unit nor grain of a cohort can be `all`"),
    ],
    "cohort.age.count": [(0, "age.count is `0`; write a whole number of at least 1")],
    "cohort.age.width": [(1.5, "age.width is `1.5`; write a whole number of at least 1")],
    "cohort.age.clock": [("solar", "age.clock is the text `solar`; write one of calendar, elapsed")],
    "cohort.measure": [("mean(n)", "write subjects, count() or sum(x)"), ("sum(m)", "is named `m`")],
    "cohort.grain": [("x", "grain is the text `x`; write one of"), ("all", "neither age.unit nor grain")],
    "cohort.by": [("what", "or by (a dimension), and has both; remove")],
    "cohort.birth": [({"m": 1}, "birth.m: no column under"), ({"what": {"x": 1}}, "birth.what.x is not a comp")],
    "cohort.returns": [({"what": {"null": 0}}, "returns.what.null is `0`; write true"), ([], "write a table")],
    "cohort.repeat": [(1, "repeat is `1`; write true or false")],
    "cohort.retention": [("rolling", "retention is the text `rolling`; write one of exact, unbounded")],
    "cohort.cumulative": [("yes", "cumulative is the text `yes`; write true or false")],
    "cohort.error": [(1, "error is `1`; write a number of at least 0 and below 1")],
    "funnel.kind": [("tunnel", "kind is `tunnel`; write one of")],
    "funnel.zone": [("", "question funnel: zone is ``, not a time zone")],
    "funnel.steps": [
        ([], "steps is an empty list; write a list of at least one table"),
        ({}, "steps is a table; write a list of at least one table"),
        ([{"m": 1}], "steps[0].m: no column under [columns] is named `m`"),
        ([{}, {"did": {"about": 1}}], "steps[1].did.about is not a comparison"),
    ],
    "funnel.window": [(0, "window is `0`; write a whole number of seconds"), ("1 day", "is the text `1 day`")],
    "funnel.by": [
        ("what", "write names of dimensions"),
        (["m"], "by: no column under [columns]"),
        (["what", "what"], "twice"),
    ],
}


def keys(kind: Any, prefix: str = "") -> Iterator[str]:
    """Every key that a table of this kind may have, and those of the tables in it."""
    for field in inspect.type_info(kind).fields:  # type: ignore[attr-defined]
        yield prefix + field.encode_name
        nested = field.type.types if isinstance(field.type, inspect.UnionType) else [field.type]
        for one in nested:
            if isinstance(one, inspect.StructType):
                yield from keys(one.cls, f"{prefix}{field.encode_name}.")


def schema() -> set[str]:
    spans = {f"{kind}.{end}" for kind in SPECS for end in SPAN}  # they are parameters
    specs = {key for kind, spec in SPECS.items() for key in keys(spec, f"{kind}.")} | {f"{kind}.kind" for kind in SPECS}
    return {
        *keys(File),
        *keys(LayoutSpec, "layout."),
        *keys(Derived, "derive."),
        *keys(Head, "question."),
        *keys(Mix, "mix."),
        *specs,
    } - spans


def place(whole: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """The table in which a key stands, and its name there."""
    first, *rest = key.split(".")
    if rest:
        steps = [*PLACES.get(first, ("questions", 0) if first == "question" else (first,)), *rest[:-1]]
        for step in steps:
            if isinstance(whole, dict) and not isinstance(whole.get(step, {}), dict | list):
                whole[step] = {"n": 1}
            whole = whole[step] if isinstance(whole, list) else whole.setdefault(step, {"n": 1})
    return whole, key.rpartition(".")[2]


def write(folder: Path, whole: dict[str, Any]) -> str:
    (folder / "data.csv").write_text("at,who,did,id,what,n,came\n2013-01-01,a,b,1,x,1,2013-01-02\n")
    return str(write_whole(folder, whole))


def refused(command: Command, folder: Path, whole: dict[str, Any], *said: str) -> None:
    path = write(folder, whole)
    line = command.refused("run", "--dataset", path)
    assert all(part in line for part in said), line
    assert path in line or str(folder / "data.csv") in line


def test_every_key_has_a_case() -> None:
    assert set(CASES) == schema()


def test_the_file_that_all_cases_change_is_accepted(command: Command, tmp_path: Path) -> None:
    assert "right" in command.done("run", "--dataset", write(tmp_path, WHOLE))


@pytest.mark.parametrize(("key", "value", "said"), [(k, v, said) for k, cases in CASES.items() for v, *said in cases])
def test_a_wrong_value_is_refused(command: Command, tmp_path: Path, key: str, value: Any, said: list[str]) -> None:
    whole = deepcopy(WHOLE)
    table, name = place(whole, key)
    if value == [] and name == "kind":
        del table[name]
    else:
        table[name] = value
    refused(command, tmp_path, whole, *said)


def test_a_parameter_is_drawn_from_a_column_of_the_events(command: Command, tmp_path: Path) -> None:
    whole = deepcopy(WHOLE)
    changed = {"where": {"who": "$w"}, "parameters": SPAN | {"w": "a"}, "draw": {"w": {"column": "whom"}}}
    whole["questions"][0] |= changed
    refused(command, tmp_path, whole, "draw.w: no column under [columns] is named `whom`")


@pytest.mark.parametrize("key", sorted(CASES))
def test_a_time_of_day_is_refused_for_every_key(command: Command, tmp_path: Path, key: str) -> None:
    whole = deepcopy(WHOLE)
    table, name = place(whole, key)
    table[name] = time(7, 30)
    refused(command, tmp_path, whole, name, "`07:30:00`")


@pytest.mark.parametrize("table", ["", "source", "columns", "columns.time", "layout", *SPECS, "aggregate.top"])
def test_an_unknown_key_is_refused(command: Command, tmp_path: Path, table: str) -> None:
    whole = deepcopy(WHOLE)
    inside, name = place(whole, f"{table}.colour" if table else "colour")
    inside[name] = "red"
    refused(command, tmp_path, whole, "colour is an unknown key; remove it, or write one of")


REQUIRED = ["title", "source", "columns", "columns.time", "columns.time.name", "columns.subject", "layout.grain"]
REQUIRED += ["layout.measures", "question.name", "question.parameters", "aggregate.kind", "aggregate.measures"]
REQUIRED += [
    "mix.name",
    "mix.weights",
    "cohort.age",
    "cohort.age.unit",
    "cohort.age.count",
    "funnel.steps",
    "funnel.window",
]


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_refused(command: Command, tmp_path: Path, key: str) -> None:
    whole = deepcopy(WHOLE)
    table, name = place(whole, key)
    del table[name]
    refused(command, tmp_path, whole, name, "missing; write")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", ": title is missing"),
        (b"title = ", " is not TOML"),
        (b'title = "x"\n[source', " is not TOML"),
        (b"title = '\xff'", " is not TOML"),
        (b"\0", " is not TOML"),
    ],
)
def test_a_file_that_is_not_toml_is_refused(command: Command, tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    line = command.refused("run", "--dataset", str(path))
    assert f"{path}{said}" in line


def test_keys_that_need_others_are_refused(command: Command, tmp_path: Path) -> None:
    whole = deepcopy(WHOLE)
    del whole["columns"]["id"]
    whole["source"]["unique"] = True
    refused(command, tmp_path, whole, "source.unique needs columns.id; name the column of ids, or remove unique")
    whole["source"] = {"generator": "game"}
    refused(command, tmp_path, whole, "a generated dataset has only the columns of its generator; remove [derived]")


@pytest.mark.parametrize("taken", [{"rename": {"line": "n"}}, {"row_number": "what"}])
def test_a_column_of_row_numbers_has_a_name_of_its_own(command: Command, tmp_path: Path, taken: dict[str, Any]) -> None:
    whole = deepcopy(WHOLE)
    whole["columns"]["order"] = "line"
    whole["source"] |= {"row_number": "line"} | taken
    name = whole["source"]["row_number"]
    refused(command, tmp_path, whole, f"source.row_number: another column is named `{name}`; write another name")


def test_a_column_that_orders_events_is_no_dimension(command: Command, tmp_path: Path) -> None:
    whole = deepcopy(WHOLE)
    whole["columns"]["order"] = "line"
    whole["questions"][0]["by"] = ["line"]
    refused(command, tmp_path, whole, "by: `line` only orders events; write one of who, did, id, what")


def test_a_span_outside_the_parameters_is_refused(command: Command, tmp_path: Path) -> None:
    whole = deepcopy(WHOLE)
    whole["questions"][0]["start"] = date(2013, 1, 1)
    refused(command, tmp_path, whole, "question aggregate: start is a parameter; move it to [questions.parameters]")


HTTPS = "https://example.org/"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        *((wrong, f"url is `{wrong}`; write https://HOST/FILE") for wrong in ("", "x.csv", "https:///x.csv", HTTPS)),
        ("http://example.org/x.csv", "(http:// for a server on this machine)"),
        ("ftp://127.0.0.1/x.csv", "write https://HOST/FILE"),
        ("file:///etc/x.csv", "write https://HOST/FILE"),
        ("https://ann:secret@example.org/x.csv", "url is `https://example.org/x.csv`; write https://HOST/FILE"),
        ("https://ann@example.org/x.csv", "with no login"),
        (f"{HTTPS}x.csv?key=1", "with no login, `?` or `#`"),
        (f"{HTTPS}x.csv#rows", "with no login, `?` or `#`"),
        (f"{HTTPS}../x.csv", "write https://HOST/FILE"),
        (f"{HTTPS}a//x.csv", "write https://HOST/FILE"),
        (f"{HTTPS}a b.csv", "write https://HOST/FILE in ASCII"),
        (f"{HTTPS}é.csv", "write https://HOST/FILE in ASCII"),
        ("https://[::1/x.csv", "write https://HOST/FILE"),
        (f"{HTTPS}{{2..1}}.csv", "url has the range `{2..1}`; write the smaller number first, at most 1,000 numbers"),
        (f"{HTTPS}{{0..1000}}.csv", "url has the range `{0..1000}`"),
        ([f"{HTTPS}{{1..3}}.csv", f"{HTTPS}2.csv"], "url: `https://example.org/2.csv` is listed twice"),
        (f"{HTTPS}x.xlsx", "source.url: https://example.org/x.xlsx does not end like Parquet (.parquet), CSV"),
    ],
)
def test_a_wrong_address_is_refused(command: Command, tmp_path: Path, url: Any, said: str) -> None:
    whole = deepcopy(WHOLE)
    whole["source"] = {"url": url}
    refused(command, tmp_path, whole, said)


def test_no_message_shows_the_password_of_an_address(command: Command, tmp_path: Path) -> None:
    whole = deepcopy(WHOLE)
    whole["source"] = {"url": "https://ann:secret@example.org/x.csv"}
    path = write_whole(tmp_path, whole)
    assert "secret" not in command.refused("list", "questions", "--dataset", str(path))


def test_ranges_of_addresses_keep_leading_zeros() -> None:
    source = Source(url=(f"{HTTPS}{{08..10}}.csv", f"{HTTPS}{{1..2}}/{{9..10}}.csv"))
    names = ["08", "09", "10", "1/9", "1/10", "2/9", "2/10"]
    assert source.addresses == [f"{HTTPS}{name}.csv" for name in names]

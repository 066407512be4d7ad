"""What columns of a user's own files become: times, integers, floats and texts."""

import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.datasets import aggregate, write
from tests.support.sources import Roles, column, read, refused

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

"""The built-in datasets that are downloaded, asked about small files of the same form from a server on loopback."""

import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from rollup_bench.engines.registry import engine_type
from rollup_bench.harness.records import lines
from rollup_bench.harness.records.lines import Verdict, of_type
from rollup_bench.harness.run.replay import domain
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, truth
from rollup_bench.workloads.dataset import Dataset
from tests.conftest import BUDGET
from tests.support.command import Command
from tests.support.file_server import FileServer, serving

ROWS, FLIGHTS = 6_000, 400
MONTHS = [(year, month) for year in (2010, 2012, 2020, 2021, 2022, 2023, 2024) for month in (1, 7)]
CSV = "On_Time_Reporting_Carrier_On_Time_Performance_(1987_present)_{}_{}.csv"


def hits() -> bytes:
    """Page views in the form of ClickBench's hits.parquet: integers of seconds and days, and texts as plain bytes."""
    rng = np.random.default_rng(1)
    first, seconds = int(datetime(2013, 7, 1, tzinfo=UTC).timestamp()), rng.integers(0, 31 * 86_400, ROWS)
    texts = {
        "SearchPhrase": ["", "", "weather", "карта"],
        "MobilePhoneModel": ["", "", "iPhone 4"],
        "URL": ["http://x"],
    }
    small = {"OS": 4, "TraficSourceID": 5, "SearchEngineID": 3, "AdvEngineID": 3, "IsRefresh": 2}
    columns = {
        "WatchID": pa.array(rng.integers(-(2**62), 2**62, ROWS)),
        "EventTime": pa.array(first + seconds),
        "EventDate": pa.array(((first + seconds) // 86_400).astype("uint16")),
        "UserID": pa.array(rng.integers(-300, 300, ROWS) * 2**53 + 1),
        "CounterID": pa.array(rng.choice([62, 1704509], ROWS).astype("int32")),
        "RegionID": pa.array(rng.integers(0, 90, ROWS).astype("int32")),
        "ResolutionWidth": pa.array(rng.choice([0, 1024, 1638], ROWS).astype("int16")),
    }
    columns |= {name: pa.array(rng.integers(0, most, ROWS).astype("int16")) for name, most in small.items()}
    for name, values in texts.items():
        columns[name] = pa.array([text.encode() for text in rng.choice(values, ROWS)], pa.binary())
    sink = io.BytesIO()
    pa.parquet.write_table(pa.table(columns), sink)
    return sink.getvalue()


def quoted(text: str) -> str:
    return f'"{text}"'


def flights(year: int, month: int) -> bytes:
    """A month of flights in the form of the bureau's archives: quoted texts, a last column without a name, a readme."""
    rng = np.random.default_rng(year * 12 + month)
    names = "Year DayOfWeek FlightDate Reporting_Airline Tail_Number Origin OriginCityName OriginState Dest CRSDepTime"
    names += " DepDelay DepTimeBlk ArrDelay Cancelled CancellationCode AirTime Distance"
    lines = ["".join(f"{quoted(name)}," for name in names.split())]
    for _ in range(FLIGHTS):
        day = date(year, month, 1) + timedelta(days=int(rng.integers(0, 31)))
        airline, tail = rng.choice(["AA", "UA", "DL"]), int(rng.integers(0, 60)) and int(rng.integers(year, year + 60))
        origin, dest = rng.choice(["JFK", "ORD", "LAX"], 2, replace=False)
        delay, hour, flown = int(rng.integers(-10, 200)), int(rng.integers(6, 23)), rng.random() < 0.9
        texts = [airline, f"N{tail}A" if tail else "", origin, "New York, NY", "NY", dest, f"{hour:02}59"]
        block, code = f"{hour:02}00-{hour:02}59", "" if flown else "B"
        late = [f"{delay}.00", f"{delay - 5}.00", "95.00"] if flown else ["", "", ""]
        values = [year, day.isoweekday(), day, *map(quoted, texts), late[0], quoted(block), late[1]]
        values += ["0.00" if flown else "1.00", quoted(code), late[2], "2475.00", ""]
        lines.append(",".join(map(str, values)))
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CSV.format(year, month), "\n".join(lines) + "\n")
        archive.writestr("readme.html", "<html></html>")
    return sink.getvalue()


FILES = {"hits.parquet": hits(), **{f"flights_{y}_{m}.zip": flights(y, m) for y, m in MONTHS}}
URLS = {"hits": ["hits.parquet"], "ontime": [name for name in FILES if name.endswith(".zip")]}
COUNTS = {"hits": ROWS, "ontime": FLIGHTS * len(MONTHS)}


@pytest.fixture(scope="module")
def server() -> Iterator[FileServer]:
    with serving(FILES) as server:
        yield server


@pytest.fixture(params=list(URLS))
def copied(request: pytest.FixtureRequest, server: FileServer, tmp_path: Path) -> Path:
    """A copy of a built-in dataset file in which only the addresses, and the file that they demand, are others."""
    text = datasets.file_of(request.param).read_text("utf-8")
    addresses = ", ".join(f'"{server.address(name)}"' for name in URLS[request.param])
    text, changed = re.subn(r"^url = .*$", f"url = [{addresses}]", text, flags=re.M)
    assert changed == 1
    path = tmp_path / f"{request.param}.toml"
    path.write_text(re.sub(r"^(size|sha256) = .*\n", "", text, flags=re.M), "utf-8")
    return path


@pytest.fixture
def dataset(copied: Path) -> Dataset:
    return datasets.read(str(copied))


def test_the_list_of_datasets_says_what_is_downloaded(command: Command) -> None:
    shown = command.done("list", "datasets")
    assert "Page views of ClickBench, July 2013 (downloads 14.8 GB)" in shown
    assert "Flights within the United States, 2000 to 2024 (downloads 300 archives)" in shown


def test_addresses_are_those_of_the_publishers() -> None:
    (hits,) = datasets.read("hits").source.addresses
    assert hits == "https://datasets.clickhouse.com/hits_compatible/hits.parquet"
    flights = datasets.read("ontime").source.addresses
    assert len(flights) == 25 * 12
    assert {address.rpartition("/")[0] for address in flights} == {"https://transtats.bts.gov/PREZIP"}
    assert flights[0].endswith("_1987_present_2000_1.zip")
    assert flights[-1].endswith("_1987_present_2024_12.zip")


def test_all_answers_are_right_on_all_layouts(command: Command, copied: Path, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    options = ("--engines", "duckdb", "--layouts", "all", "--profile", "check", "--out", str(path))
    command.done("run", "--dataset", str(copied), *options)
    verdicts = of_type(lines.read(path), Verdict)
    assert {one.verdict for one in verdicts} <= {"right", "within bound", "unsupported"}
    answered = {one.question for one in verdicts if one.arm == "duckdb/raw" and one.verdict != "unsupported"}
    assert answered == set(datasets.read(str(copied)).questions)


@pytest.mark.parametrize("copied", ["hits"], indirect=True)
def test_the_engine_and_the_truth_print_the_same_answer(command: Command, copied: Path) -> None:
    asked = ("ask", "sources-and-systems", "--dataset", str(copied), "--format", "csv")
    assert command.done(*asked, "--engine", "duckdb") == command.done(*asked, "--engine", "truth")


def test_no_answer_is_empty(dataset: Dataset, home: Path) -> None:
    prepared = events.prepare(dataset, home)
    assert [name for name, q in dataset.questions.items() if not truth.answer(q.fill(), prepared).num_rows] == []


def test_every_parameter_is_drawn(dataset: Dataset, home: Path) -> None:
    prepared = events.prepare(dataset, home)
    assert prepared.statistics.rows == COUNTS[dataset.name]
    drawn_from = domain(prepared)
    for name, question in dataset.questions.items():
        assert len(set(islice(question.drawn(drawn_from, 1), 300))) >= 50, name
        constant = {p for p, value in question.parameters.items() if not isinstance(value, date)}
        assert constant == set(question.draw.others), name


@pytest.mark.parametrize("name", ["duckdb", "druid", "cassandra"])
def test_each_engine_supports_all_questions_except_funnels_on_druid(name: str, dataset: Dataset, home: Path) -> None:
    statistics = events.prepare(dataset, home).statistics
    with closing(engine_type(name)(None, home, BUDGET)) as engine:
        plans = [engine.plan(dataset, layout, statistics) for layout in dataset.layouts.values()]
        for question, template in dataset.questions.items():
            supported = any(engine.support(template.fill(), plan).where for plan in plans)
            assert supported or (name, template.body["kind"]) == ("druid", "funnel"), question


def test_times_and_types_are_those_of_the_data(dataset: Dataset, home: Path) -> None:
    types = events.prepare(dataset, home).statistics.types
    if dataset.name == "hits":
        assert {name for name, kind in types.items() if kind == "string"} == {"SearchPhrase", "MobilePhoneModel"}
        assert types["UserID"] == "int64"
    else:
        assert {name for name, kind in types.items() if kind == "double"} == set(dataset.columns.measures)
        assert types["DayOfWeek"] == "int64"

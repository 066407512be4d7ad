"""Small runs of a profile on DuckDB: stored, interrupted and resumed, compared, and under load."""

import dataclasses
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec
import pyarrow as pa
import pytest
from rich.console import Console

from rollup_bench.engines.contract import Loaded, Plan, Session
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.source import adapter_hash
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.records.findings import Run, timings
from rollup_bench.harness.records.history import find
from rollup_bench.harness.records.lines import (
    ClosedLoop,
    Cost,
    Ended,
    Fault,
    First,
    MixedQuestions,
    OpenLoop,
    Rounds,
    Route,
    Verdict,
    of_type,
)
from rollup_bench.harness.report.cells import by_question
from rollup_bench.harness.report.mixes import mixes
from rollup_bench.harness.report.tables import run_table
from rollup_bench.harness.run.circuit_breaker import CircuitBreaker
from rollup_bench.harness.run.expected import Expected
from rollup_bench.harness.run.loops import read
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES, Profile, UnderLoad
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.servers import Server, Status
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.mixes import Mix
from rollup_bench.workloads.questions import Grain, Question
from tests.support.command import Command
from tests.support.rides import TINY, request
from tests.support.rides import rides as write_rides


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write_rides(tmp_path_factory.mktemp("rides"))


def _file(dataset: Dataset) -> str:
    return str(dataset.folder / "mine.toml")


def _quiet(_: str) -> None:
    """Says nothing."""


@pytest.fixture(autouse=True)
def page_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's page cache is not a test's to drop."""
    monkeypatch.setattr("rollup_bench.harness.run.launches.drop_page_cache", lambda: False)


def test_an_interrupted_run_resumes_where_it_was(rides: Dataset, tmp_path: Path) -> None:
    def cut(text: str) -> None:
        if text.startswith("launch 2 of at most 2, round"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(request(rides, tmp_path), None, cut)
    path = tmp_path / "runs" / "mine-quick-1.jsonl"
    before = path.read_bytes()
    first = Run.read(path).lines
    assert [one.launch for one in of_type(first, Rounds)] == [0, 0]
    assert of_type(first, Ended) == []
    said: list[str] = []
    again, run = measure(request(rides, tmp_path), None, said.append)
    assert again == path
    assert path.read_bytes().startswith(before)
    assert not [text for text in said if "launch 1 of" in text or text.startswith("checking")]
    assert {(one.question, one.launch) for one in of_type(run.lines, Rounds)} == {
        (name, launch) for name in ("by-city", "by-day") for launch in (0, 1)
    }
    assert [one.verdict for one in of_type(run.lines, Verdict)] == ["right", "right"]
    assert len(of_type(run.lines, Cost)) == 4
    assert [one.cache for one in of_type(run.lines, First)] == ["lukewarm"] * 4
    assert len(timings(run)) == 2
    raw = Route(("events",), "in process")
    assert {one.route for one in of_type(run.lines, First)} == {raw}
    for line in of_type(run.lines, Rounds):
        assert line.routes == {"duckdb/raw": [Route(("events",), "in process", 2 * len(line.times["duckdb/raw"]))]}
    assert all(one.routes == [Route(("events",), "in process", one.questions)] for one in of_type(run.lines, Cost))
    plan = {one.plan for one in of_type(run.lines, Verdict)}
    assert (len(plan), run.header.adapters) == (1, {"duckdb": adapter_hash("duckdb")})
    assert measure(request(rides, tmp_path), None, _quiet)[0].name == "mine-quick-2.jsonl"


def test_a_check_keeps_verdicts_and_times_nothing(rides: Dataset, tmp_path: Path) -> None:
    run = measure(request(rides, tmp_path, PROFILES["check"]), None, _quiet)[1]
    assert [one.verdict for one in of_type(run.lines, Verdict)] == ["right", "right"]
    assert not of_type(run.lines, Rounds)
    assert of_type(run.lines, Ended)


def test_an_ended_run_is_read_and_not_measured_again(rides: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "mine.jsonl"
    measure(request(rides, tmp_path), out, _quiet)
    before = out.read_bytes()
    said: list[str] = []
    measure(request(rides, tmp_path), out, said.append)
    assert out.read_bytes() == before
    assert not [text for text in said if "launch" in text]
    other = dataclasses.replace(request(rides, tmp_path), seed=2)
    with pytest.raises(RequestError, match="seed is 1, but this run's is 2"):
        measure(other, out, _quiet)
    for fewer in ({"questions": {"by-day": rides.question("by-day")}}, {"layouts": [rides.layout("day")]}):
        with pytest.raises(RequestError, match="holds a run of other layouts or questions"):
            measure(dataclasses.replace(request(rides, tmp_path), **fewer), out, _quiet)


def test_under_load_every_answer_is_checked_and_mixes_come_first(rides: Dataset, tmp_path: Path) -> None:
    mix = Mix(name="office", weights={"by-city": 2, "by-day": 1}, story="Asked all day.")
    mixed = msgspec.structs.replace(rides, mixes={"office": mix})
    under = UnderLoad(questions=1, sweep=0.3, requests=100, least=0.3, most=2.0, different=7, objective=10.0)
    effort = Effort(launches=1, least=2, most=2, warm=0.0, alone=0.01)
    profile = Profile("standard", rows=(1,), timed=1, checked=2, effort=effort, load=under)
    wanted = request(mixed, tmp_path, profile)
    path, run = measure(wanted, None, _quiet)
    sweeps, opens = of_type(run.lines, ClosedLoop), of_type(run.lines, OpenLoop)
    assert list(dict.fromkeys(one.question for one in sweeps)) == ["office", "by-city"]
    assert [one.clients for one in sweeps] == 2 * sorted({1, min(8, budget().cores)})
    assert all(one.wrong == one.failed == 0 < one.right for one in sweeps)
    assert {one.question for one in opens} == {"office", "by-city"}
    assert all(one.load in (f"search {one.rate:g}", f"confirm {one.rate:g}") for one in opens)
    assert {one.objective for one in opens} == {10.0}
    assert not [one for one in opens if read(one).outcome == "wrong answers"]
    assert all(one.routes == [Route(("events",), "in process", one.right)] for one in sweeps)
    (line,) = of_type(run.lines, MixedQuestions)
    assert (line.counts, line.story, line.refused) == ({"by-city": 2, "by-day": 1}, "Asked all day.", {})
    before = path.read_bytes()
    said: list[str] = []
    measure(wanted, path, said.append)
    assert path.read_bytes() == before
    assert not [text for text in said if "office" in text]


def test_a_resumed_run_warms_up_what_it_puts_under_load(rides: Dataset, tmp_path: Path) -> None:
    under = UnderLoad(questions=1, sweep=0.1, requests=40, least=0.2, most=1.0, different=7, objective=10.0)
    effort = Effort(launches=1, least=2, most=2, warm=0.0, alone=0.01)
    wanted = request(rides, tmp_path, Profile("standard", rows=(1,), timed=1, checked=1, effort=effort, load=under))
    said: list[str] = []
    path, _ = measure(wanted, None, said.append)
    assert not [text for text in said if "warming up" in text]
    for tags in ((b"sweep", b"open", b"end"), (b"open", b"end")):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(tuple(b'{"record":"%s"' % tag for tag in tags))]
        assert len(kept) < len(lines)
        path.write_bytes(b"".join(kept))
        said.clear()
        measure(wanted, path, said.append)
        assert len([text for text in said if "warming up" in text]) == 1


def test_each_launch_asks_each_mix_alone_in_whole_blocks(rides: Dataset, tmp_path: Path) -> None:
    mix = Mix(name="office", weights={"by-city": 2, "by-day": 1})
    mixed = msgspec.structs.replace(rides, mixes={"office": mix})
    run = measure(request(mixed, tmp_path), None, _quiet)[1]
    costs = [one for one in of_type(run.lines, Cost) if one.question == "office"]
    assert [one.launch for one in costs] == [0, 1]
    assert all(len(one.times) == one.questions > 0 for one in costs)
    ((line, (view,)),) = mixes(run)
    assert (line.question, view.arm, view.refused) == ("office", "duckdb/raw", "")
    assert view.alone is not None
    times = [sum(one.times) / one.questions for one in costs]
    assert view.alone.value == pytest.approx(3e9 / (times[0] * times[1]) ** 0.5)


def test_a_mix_is_asked_of_no_arm_that_refuses_one_of_its_questions(rides: Dataset, tmp_path: Path) -> None:
    mix = Mix(name="office", weights={"by-day": 3, "by-city": 1})
    mixed = msgspec.structs.replace(rides, mixes={"office": mix})
    layouts_asked = [rides.layouts["raw"], rides.layouts["day"]]
    wanted = dataclasses.replace(request(mixed, tmp_path, PROFILES["check"]), layouts=layouts_asked)
    (line,) = of_type(measure(wanted, None, _quiet)[1].lines, MixedQuestions)
    assert line.refused == {"duckdb/day": "by-city: unsupported"}
    one_question = dataclasses.replace(wanted, questions={"by-day": rides.questions["by-day"]})
    assert not of_type(measure(one_question, tmp_path / "one.jsonl", _quiet)[1].lines, MixedQuestions)


def test_figures_under_load_of_a_server_that_is_gone_are_not_kept(
    rides: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollup_bench.harness.run.measure.served", lambda *_: nullcontext({"duckdb": Down()}))
    effort = Effort(launches=1, least=2, most=2, warm=0.0, alone=0.01)
    profile = Profile("standard", rows=(1,), timed=1, checked=1, effort=effort, load=UnderLoad(questions=1, sweep=0.1))
    run = measure(request(rides, tmp_path, profile), None, _quiet)[1]
    faults = [(one.arm, one.doing, one.reason) for one in of_type(run.lines, Fault)]
    assert faults == [("duckdb/raw", "load test of by-city", "down is down")]
    assert len(of_type(run.lines, Rounds)) == 1
    assert not of_type(run.lines, ClosedLoop) + of_type(run.lines, Ended)


@pytest.mark.parametrize("alone", [True, False])
def test_an_arm_that_refuses_most_dates_does_not_decide_what_others_are_asked(
    rides: Dataset, tmp_path: Path, alone: bool
) -> None:
    month = layouts.Layout("month", Grain.MONTH, "UTC", ("city",), (parse("count()"), parse("mean(fare)")))
    stored = msgspec.structs.replace(rides, layouts=rides.layouts | {"month": month})
    by_city = {"by-city": rides.questions["by-city"]}
    profile = msgspec.structs.replace(TINY, checked=4)
    wanted = dataclasses.replace(request(stored, tmp_path, profile), questions=by_city)
    run = measure(dataclasses.replace(wanted, layouts=[month] if alone else [layouts.raw, month]), None, _quiet)[1]
    verdict = next(one for one in of_type(run.lines, Verdict) if one.arm == "duckdb/month")
    assert (verdict.verdict, verdict.where) == ("right", "at ingest")
    assert verdict.refused > 50
    assert "month" in verdict.refusal
    arm = "duckdb/month" if alone else "duckdb/raw"
    assert all(set(one.times) == {arm, f"{arm} (again)"} for one in of_type(run.lines, Rounds))
    cell = by_question(run)["by-city"][-1]
    extent = "timed on the requests that it supports" if alone else "not timed"
    assert cell.reason == f"{extent}: of 100 drawn requests it refuses {verdict.refused}: {verdict.refusal}"


def test_an_answer_under_load_is_compared_with_the_one_that_was_checked() -> None:
    known = pa.table({"city": ["a", None], "sum(x)": [1.0, None], "n": [1, 2], "distinct": [100, 100]})

    def changed(name: str, values: list[object]) -> bool:
        place = known.schema.get_field_index(name)
        answer = known.set_column(place, known.schema.field(place), pa.array(values, known.schema.field(place).type))
        return Expected([known], [{"distinct": 0.1}])(0, answer)

    assert changed("sum(x)", [1 + 1e-12, None])
    assert not changed("sum(x)", [1 + 1e-6, None])
    assert not changed("sum(x)", [1.0, 1.0])
    assert not changed("city", ["a", "b"])
    assert not changed("n", [1, 3])
    assert changed("distinct", [105, 95])
    assert not changed("distinct", [105, 50])
    assert not Expected([known], [{}])(0, known.slice(1))
    assert not Expected([known], [{}])(0, None)


def test_compare_reads_files_of_runs_and_out_names_none_of_another_run(
    rides: Dataset, tmp_path: Path, command: Command
) -> None:
    out = str(tmp_path / "mine.jsonl")
    measure(request(rides, tmp_path), Path(out), _quiet)
    assert "no difference" in command.done("compare", out, out)
    command.refused("compare", out, str(tmp_path / "none.jsonl"))
    command.refused("run", "--out", out)
    assert datetime.fromisoformat(Run.read(Path(out)).header.started).tzinfo == UTC


def test_a_run_is_found_in_a_file_and_in_a_commit(
    rides: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    kept = repository / "results" / "machine" / "mine.jsonl"
    run = measure(request(rides, tmp_path), kept, _quiet)[1]
    monkeypatch.chdir(repository)
    identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    for arguments in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "--message", "Results"]):
        subprocess.run(["git", *arguments], check=True)
    assert find(str(kept)) == find("HEAD") == find("HEAD:results/machine/mine.jsonl") == run
    kept.with_name("other.jsonl").write_bytes(kept.read_bytes())
    for arguments in (["add", "."], [*identity, "commit", "--quiet", "--message", "More"]):
        subprocess.run(["git", *arguments], check=True)
    with pytest.raises(RequestError, match=r"HEAD: holds 2 runs .* HEAD:results/machine/mine\.jsonl, HEAD:"):
        find("HEAD")
    for unknown in ("nothing", "HEAD:results/none.jsonl", "none.jsonl"):
        with pytest.raises(RequestError, match=unknown):
            find(unknown)


def test_an_arm_that_cannot_be_loaded_is_named_and_the_others_go_on(
    rides: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = DuckDB.load

    def full(self: DuckDB, plan: Plan, events: event_store.Events, watch: Watch) -> Loaded:
        if plan.layout.name == "day":
            raise FailureError("no space left on device")
        return load(self, plan, events, watch)

    monkeypatch.setattr(DuckDB, "load", full)
    wanted = dataclasses.replace(request(rides, tmp_path), layouts=[layouts.raw, rides.layout("day")])
    run = measure(wanted, None, _quiet)[1]
    faults = {(one.arm, one.doing, one.reason) for one in of_type(run.lines, Fault)}
    assert faults == {("duckdb/day", "loading", "no space left on device")}
    assert {cell.arm for cell in timings(run)} == {"duckdb/raw"}
    console = Console(record=True, width=200)
    run_table(run, console)
    assert "duckdb/day dropped out while loading: no space left on device" in console.export_text()
    assert of_type(run.lines, Ended) == []
    monkeypatch.setattr(DuckDB, "load", load)
    again = measure(wanted, None, _quiet)[1]
    assert of_type(again.lines, Fault) == []
    assert of_type(again.lines, Ended)
    assert {(one.question, one.launch, *one.times) for one in of_type(again.lines, Rounds) if len(one.times) > 2} == {
        ("by-day", launch, "duckdb/raw", "duckdb/day", "duckdb/day (again)") for launch in (0, 1)
    }


class Down(Server):
    """A server that does not answer."""

    name = "down"
    via = "native"
    connection = start = running = stop = logs = None  # type: ignore[assignment]

    def __init__(self) -> None:
        """Needs nothing."""

    def status(self) -> Status:
        return Status(None)


class Deaf(Session):
    """A session that is never answered, and counts."""

    asked = 0

    def ask(self, question: Question) -> pa.Table:
        self.asked += 1
        raise FailureError(f"no answer to {self.asked}")


@pytest.mark.parametrize(("server", "asked"), [(Down(), 1), (None, 3)])
def test_a_session_is_given_up_once_its_server_is_gone(server: Server | None, asked: int, rides: Dataset) -> None:
    deaf = Deaf()
    line = CircuitBreaker(deaf, server)
    for number in range(3):
        with pytest.raises(FailureError, match=f"no answer to {min(number + 1, asked)}"):
            line.ask(rides.question("by-day").fill())
    assert deaf.asked == asked


SESSION = DuckDB.session


class Broken(Session):
    """A session of an adapter with a bug."""

    def ask(self, question: Question) -> NoReturn:
        raise KeyError("no such")


def broken(*_given: object) -> NoReturn:
    raise KeyError("no such")


def with_broken_session(*_given: object) -> AbstractContextManager[Session]:
    return nullcontext(Broken())


@contextmanager
def with_broken_end(engine: DuckDB, plan: Plan) -> Iterator[Session]:
    with SESSION(engine, plan) as session:
        yield session
    raise KeyError("no such")


@pytest.mark.parametrize("profile", [None, "check", "quick"])
@pytest.mark.parametrize(
    ("method", "does", "said"),
    [
        *((name, broken, "KeyError: 'no such' (unit/test_measure.py:") for name in ("plan", "load", "session")),
        ("support", broken, "KeyError: 'no such' (unit/test_measure.py:"),
        ("session", with_broken_session, "KeyError: 'no such' (unit/test_measure.py:"),
        ("support", lambda *_: None, "AttributeError: 'NoneType' object has no attribute 'where' (run/admission.py:"),
    ],
)
def test_a_bug_of_an_adapter_is_a_failure_of_its_arm_alone(
    profile: str | None,
    method: str,
    does: Callable[..., object],
    said: str,
    rides: Dataset,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(DuckDB, method, does)
    monkeypatch.setitem(PROFILES, "quick", TINY)
    asked = ["run", "--dataset", _file(rides), "--engines", "duckdb,truth", "--layouts", "raw"]
    status, out, err = command(*asked, *(["--profile", profile] if profile else []))
    assert status == 1
    assert said in "".join((out + err).split("\n"))
    assert "right" in out


@pytest.mark.parametrize(
    ("words", "method"),
    [
        (["ask", "by-day"], "plan"),
        (["ask", "by-day"], "session"),
        (["explain", "by-day"], "explain"),
        (["dashboard", "board"], "load"),
        (["verify", "duckdb", "--examples", "1"], "version"),
    ],
)
def test_a_command_ends_in_one_line_where_an_adapter_is_broken(
    words: list[str], method: str, rides: Dataset, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, method, property(broken) if method == "version" else broken)
    status, _, err = command(*words, *([] if words[0] == "verify" else ["--dataset", _file(rides)]))
    assert status == 1
    (line,) = err.splitlines()
    assert line.startswith("rollup-bench: KeyError: 'no such' (unit/test_measure.py:")


@pytest.mark.parametrize(("method", "does"), [("close", broken), ("session", with_broken_end)])
def test_an_error_of_closing_loses_no_answer(
    method: str, does: Callable[..., object], rides: Dataset, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, method, does)
    assert len(re.findall(r"\d✓", command.done("run", "--dataset", _file(rides)))) == 2

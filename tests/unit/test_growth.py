"""The growth experiment: a synthetic engine whose exponents are known, and real runs on DuckDB."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from experiments import growth_report
from experiments.growth import LOADS, PASSES, ROWS, Timed, _time
from experiments.growth import growth as command
from experiments.growth_questions import ALL_YEARS, NO_EVENTS, QUESTIONS, over
from experiments.new_question import new_question
from rollup_bench.engines.contract import Where
from rollup_bench.engines.duckdb.engine import _Session
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.growth import Asked, Cell, read
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Spent
from rollup_bench.harness.report.growth import SCANS, result
from rollup_bench.harness.run.home import VARIABLE
from rollup_bench.harness.stats.growth import Curve, Growth
from rollup_bench.workloads import dataset, events, truth
from rollup_bench.workloads.questions import Funnel, Question
from tests.support import ROOT

SERIES = 200


def cells(made: Curve, seed: int, noise: float = 0.05, groups: int = 40, where: Where = Where.SERVER) -> list[Cell]:
    """Returns the cells of a synthetic engine: each processor time is on the curve but for its relative noise."""
    rng = np.random.default_rng(seed)

    def asked(seconds: float) -> Asked:
        taken = 10 * seconds * float(np.exp(rng.normal(0, noise)))
        return Asked().plus(10, Spent(seconds=2 * taken, client=0.3 * taken, engine=0.7 * taken))

    return [
        Cell(
            arm="made/raw",
            question="counts",
            rows=rows,
            load=load,
            scope="made 1",
            verdict=Kind.RIGHT,
            where=where,
            groups=groups,
            span=asked(float(made(rows))),
            empty=asked(made.a),
        )
        for rows in ROWS
        for load in range(LOADS)
    ]


def fitted(made: Curve, seed: int) -> Growth:
    """Returns the growth of a synthetic engine."""
    found = result(cells(made, seed)).growth
    assert found is not None
    return found


@pytest.mark.parametrize("made", [Curve(0.002, 0.05, 0.5), Curve(0.002, 0.05, 1.0), Curve(0.002, 0.05, 0.0)])
def test_a_known_exponent_lies_in_its_interval(made: Curve) -> None:
    found = [fitted(made, seed) for seed in range(SERIES)]
    assert np.mean([low <= made.c <= high for low, high in (one.c for one in found)]) >= 0.95
    assert np.mean([low <= made.b <= high for low, high in (one.b for one in found)]) >= 0.95
    assert np.mean([one.outcome(SCANS).kind == "known" for one in found]) >= 0.95
    assert np.mean([one.curve.c for one in found]) == pytest.approx(made.c, abs=0.01)


def test_a_time_that_the_fixed_cost_dominates_has_no_exponent() -> None:
    found = result(cells(Curve(0.1, 0.01, 1.0), seed=1))
    assert found.kind == "fixed"
    assert found.reasons == ["fixed: the growing part is at most 2 times the fixed cost"]


def test_noise_leaves_an_exponent_unknown_and_a_rollup_may_be_less_exact() -> None:
    made = Curve(0.002, 0.05, 1.0)
    assert result(cells(made, seed=3, noise=0.15)).kind == "unknown"
    assert result(cells(made, seed=3, noise=0.15, where=Where.INGEST)).kind == "known"


def test_groups_that_are_not_constant_and_too_few_sizes_leave_an_exponent_unknown() -> None:
    made = cells(Curve(0.002, 0.05, 1.0), seed=1)
    more = [*made[:-1], msgspec.structs.replace(made[-1], groups=41)]
    assert result(more).reasons == ["unknown: its groups are not constant: the answer has 40 to 41 rows"]
    assert result(made[: 2 * LOADS]).reasons == ["unknown: it was timed at fewer than 3 sizes"]
    assert result(made[: 3 * LOADS]).growth is not None


def test_a_warm_up_that_takes_long_is_the_measurement() -> None:
    cell, asked = cells(Curve(0.002, 0.05, 1.0), seed=1)[0], {"span": Asked(1, 1.2, 1.0), "empty": Asked(3, 0.3, 0.2)}
    timed = Timed(None, cell, asked)  # type: ignore[arg-type]
    timed.forget_warm_up(1.0)
    assert timed.asked == {"span": asked["span"]}
    assert [timed.lacks(span, 1.0) for span in ("span", "empty")] == [False, True]


def test_each_pass_asks_all_sizes_in_a_mixed_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[int]()

    def ask(timed: Timed, span: str, seconds: float) -> None:
        asked.append(timed.cell.rows)
        timed.asked[span] = timed.asked.get(span, Asked()).plus(1, Spent(seconds=seconds, client=seconds, engine=None))

    monkeypatch.setattr(Timed, "ask", ask)
    made = [cell for cell in cells(Curve(0.002, 0.05, 1.0), seed=1) if not cell.load]
    right = [Timed(None, cell) for cell in made]  # type: ignore[arg-type]
    _time(right, 1.0, np.random.default_rng(1), lambda _: None)
    passes = np.array(asked).reshape(1 + PASSES, -1).tolist()
    assert passes[0] == sorted(passes[0])
    assert all(sorted(one) == passes[0] != one for one in passes[1:])
    assert passes[0][::2] == [cell.rows for cell in made] == list(ROWS)


def test_every_question_has_the_same_groups_at_all_sizes_and_none_without_events(home: Path) -> None:
    for name in QUESTIONS:
        groups = []
        for rows in (ROWS[0], ROWS[2]):
            game = events.prepare(dataset.read("game").sized(rows, 1), home)
            groups.append(truth.answer(over(name, ALL_YEARS), game).num_rows)
            assert all(sum(column.to_pylist()) == 0 for column in _counts(truth.answer(over(name, NO_EVENTS), game)))
        assert len(set(groups)) == 1, (name, groups)


def _counts(answer: pa.Table) -> list[pa.ChunkedArray]:
    return [answer[name] for name in answer.column_names if name in ("count()", "subjects", "value")]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Calls a command under a home of its own, and returns its exit status."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    def called(command: click.Command, *arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            command.main([*arguments], standalone_mode=False)
        return int(ended.value.code or 0)

    return called


def asking(*sizes: int, questions: str = "one-item") -> list[str]:
    """Returns the arguments of a run that asks each question for a hundredth of a second."""
    rows = [part for size in sizes for part in ("--rows", str(size))]
    return [*rows, "--seconds", "0.01", "--layouts", "raw,hour", "--questions", questions]


def test_cells_are_measured_printed_and_drawn_from_their_file(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(command, *asking(2_000, 4_000)) == 1  # two sizes are too few for an exponent
    printed = capsys.readouterr().out
    assert re.search(r"one-item +duckdb/hour .* unsupported", printed)
    assert re.search(r"duckdb/raw .* unknown", printed)
    assert (
        "unsupported: layout hour does not group by item, so it cannot filter by it (one-item on duckdb/hour)"
        in printed
    )
    assert "exponents known to ±0.08 (scans) or ±0.15 (roll-ups): 0 of 1 (0%; wanted 80%)" in printed
    stored = tmp_path / "growth.jsonl"
    timed = [cell for cell in read(stored) if cell.arm == "duckdb/raw"]
    assert sorted((cell.rows, cell.load) for cell in timed) == [(2_000, 0), (2_000, 1), (4_000, 0), (4_000, 1)]
    assert all(each and each.requests and each.seconds > 0 for cell in timed for each in (cell.span, cell.empty))
    assert not list((tmp_path / "loads").glob("*.json"))
    assert call(growth_report.main, str(stored), "--out", str(tmp_path / "growth.svg")) == 1
    assert capsys.readouterr().out == printed
    assert "</svg>" in (tmp_path / "growth.svg").read_text()


def test_a_killed_run_measures_only_what_its_file_lacks(call: Callable[..., int], tmp_path: Path) -> None:
    stored, arguments = tmp_path / "growth.jsonl", asking(2_000, 4_000, questions="one-item,counts")
    program = subprocess.Popen([sys.executable, "-m", "experiments.growth", *arguments], cwd=ROOT)
    try:
        while program.poll() is None and (not stored.exists() or stored.read_bytes().count(b"\n") < 5):
            time.sleep(0.01)
    finally:
        program.send_signal(signal.SIGKILL)
    assert program.wait() == -signal.SIGKILL
    with stored.open("ab") as file:
        file.write(b'{"record":"growth","arm":"duckdb/raw","ques')
    before = stored.read_bytes()
    complete = before[: before.rindex(b"\n") + 1]
    assert 5 <= complete.count(b"\n") < 16
    call(command, *arguments)
    after = stored.read_bytes()
    assert after.startswith(complete)
    assert after.count(b"\n") == len(read(stored)) == 16
    call(command, *arguments)
    assert stored.read_bytes() == after


def test_a_wrong_answer_is_listed_and_not_timed(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = _Session.ask

    def wrong(session: _Session, question: Question) -> pa.Table:
        answer = ask(session, question)
        return answer.slice(1) if isinstance(question, Funnel) else answer

    monkeypatch.setattr(_Session, "ask", wrong)
    assert call(command, *asking(2_000, questions="funnel,one-item")) == 1
    assert re.search(r"wrong: step of .* \(funnel on duckdb/raw\)", capsys.readouterr().out)
    timed = {(cell.question, cell.span is not None) for cell in read(tmp_path / "growth.jsonl")}
    assert timed == {("funnel", False), ("one-item", True), ("one-item", False)}


def test_an_answer_must_also_be_right_without_events(
    call: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, before = _Session.ask, over("one-item", NO_EVENTS).span
    monkeypatch.setattr(
        _Session,
        "ask",
        lambda session, asked: ask(session, over("counts", ALL_YEARS) if asked.span == before else asked),
    )
    assert call(command, *asking(2_000)) == 1
    reasons = {cell.reason for cell in read(tmp_path / "growth.jsonl") if cell.verdict == Kind.WRONG}
    assert [reason.startswith("without events, the answer's columns are") for reason in reasons] == [True]


def test_a_question_that_fails_is_listed_and_asked_again(
    call: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("experiments.growth.running.load", lambda *_: 1 / 0)
        assert call(command, *asking(2_000)) == 1
    stored = tmp_path / "growth.jsonl"
    failed = {cell.reason.partition(" (")[0] for cell in read(stored) if cell.arm == "duckdb/raw"}
    assert failed == {"ZeroDivisionError: division by zero"}
    call(command, *asking(2_000))
    assert {cell.verdict for cell in read(stored) if cell.arm == "duckdb/raw"} == {Kind.RIGHT}


def test_what_is_asked_wrongly_is_refused_in_words(call: Callable[..., int], tmp_path: Path) -> None:
    stored = tmp_path / "growth.jsonl"
    with pytest.raises(click.BadParameter, match="`nothing` is not a question; the questions are counts, subtotals"):
        call(command, "--questions", "nothing")
    with pytest.raises(RequestError, match=r"growth.jsonl: No such file or directory; give a file"):
        call(growth_report.main, str(stored))
    stored.write_text("{}\n")
    with pytest.raises(RequestError, match=r"growth.jsonl: line 1 is not a cell of experiments.growth \(.*`arm`"):
        call(growth_report.main, str(stored))
    other = msgspec.structs.replace(cells(Curve(1, 1, 1), seed=1)[0], arm="duckdb/raw")
    stored.write_bytes(msgspec.json.encode(other) + b"\n")
    with pytest.raises(RequestError, match=r"holds cells of `made 1`, but now it is `.*name another file with --out"):
        call(command, *asking(2_000))


def test_a_new_question_is_right_on_raw_and_on_a_plan_tuned_to_it(
    call: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(new_question, "--rows", "5000") == 0
    printed = capsys.readouterr().out
    assert re.search(r"long-fights +▸?[\d.]+✓ .* ▸?[\d.]+✓", printed)
    assert re.search(r"faithful-questers +▸?[\d.]+✓ .* ▸?[\d.]+✓", printed)

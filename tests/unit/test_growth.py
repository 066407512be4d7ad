"""Curves of growth from times that were made to follow one."""

import re
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest

from experiments.growth import growth as asked
from experiments.new_question import new_question
from rollup_bench.harness.run.home import VARIABLE
from rollup_bench.harness.stats.growth import Curve, Growth, growth

EVENTS = (2_300, 9_000, 28_000, 70_000, 250_000, 280_000, 840_000, 1_000_000, 3_000_000)


def found(curve: Curve, noise: float, seed: int, own: float = 0.0, rounds: int = 10) -> Growth:
    """Of times on a curve, each off by some noise, and each cell by some of its own."""
    rng = np.random.default_rng(seed)
    seconds = [second * np.exp(rng.normal(0, own) + rng.normal(0, noise, rounds)) for second in curve(EVENTS)]
    return growth(EVENTS, seconds, rng)


@pytest.mark.parametrize("c", [0.5, 0.8, 1.0, 1.3])
def test_a_curve_is_found_again_in_noisy_times(c: float) -> None:
    made = Curve(a=0.02, b=0.3, c=c)
    grown = found(made, noise=0.1, seed=1)
    assert grown.outcome == "known"
    assert grown.curve.a == pytest.approx(made.a, rel=0.2)
    assert grown.curve.b == pytest.approx(made.b, rel=0.1)
    assert grown.curve.c == pytest.approx(made.c, abs=0.05)


@pytest.mark.parametrize("own", [0.0, 0.1])
def test_the_intervals_hold_what_was_put_in(own: float) -> None:
    made, held = Curve(a=0.002, b=0.05, c=0.9), np.zeros(4)
    truly = float(made(EVENTS[-1]) / made(EVENTS[0]))
    for seed in range(25):
        grown = found(made, 0.1, seed, own)
        bounds = (grown.a, grown.b, grown.c, grown.ratio_interval)
        held += [low <= value <= high for value, (low, high) in zip((0.002, 0.05, 0.9, truly), bounds, strict=True)]
    assert (held >= 22).all()  # of 25


@pytest.mark.parametrize("rounds", [2, 10])
def test_what_does_not_grow_is_called_flat(rounds: int) -> None:
    grown = found(Curve(a=0.01, b=0, c=1), noise=0.1, seed=2, rounds=rounds)
    assert grown.outcome == "flat"


@pytest.mark.parametrize(("made", "noise"), [(Curve(0.01, 0.01, 1.0), 0.3), (Curve(0.01, 0, 1.0), 1.5)])
def test_an_exponent_is_not_told_where_noise_hides_it(made: Curve, noise: float) -> None:
    assert found(made, noise, seed=3, rounds=3).outcome == "unknown"


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A command of the benchmarks, under a home of its own; it ends with 0."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))

    def called(command: click.Command, *arguments: str) -> None:
        with pytest.raises(SystemExit) as ended:
            command.main([*arguments], standalone_mode=False)
        assert not ended.value.code

    return called


def test_every_cell_is_checked_printed_and_drawn(
    call: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = [part for rows in (2_000, 4_000, 8_000) for part in ("--rows", str(rows))]
    call(asked, *sizes, "--seconds", "0.1", "--layouts", "raw,hour", "--questions", "one-item")
    printed = capsys.readouterr().out
    assert re.search(r"one-item +duckdb/raw .*× the events", printed)
    assert re.search(r"duckdb/hour +unsupported", printed)
    assert "hour does not group by item, so it cannot filter by it" in printed
    assert "</svg>" in (tmp_path / "growth.svg").read_text()


def test_a_new_question_is_right_on_raw_and_on_a_plan_tuned_to_it(
    call: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    call(new_question, "--rows", "5000")
    printed = capsys.readouterr().out
    assert re.search(r"long-fights +▸?[\d.]+✓ .* ▸?[\d.]+✓", printed)
    assert re.search(r"faithful-questers +▸?[\d.]+✓ .* ▸?[\d.]+✓", printed)

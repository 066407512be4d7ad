"""Simulates runs, and counts how often intervals contain the true values and how often differences are claimed.

`python -m experiments.coverage`. The deviations between launches, between rounds, and those common to all arms are
estimated from a stored run of the flights. Runs are simulated with these deviations, with half of them, so that runs
end early, and with twice of them. Each run is planned and ended by the code that plans and ends real runs. Of the six
arms of a question, two are identical, two differ by 10%, and two differ as in the stored run.

Intervals are counted at the end of a run, and also at the worst moment: there, an interval holds only if it holds at
each number of launches after which a run may end. Where the variances of one question are ten times as large as those
of all others, its intervals are also counted by themselves.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import click
import numpy as np

from rollup_bench.harness.records.findings import Run, measured_rounds, processor_logs
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.stats.abba import AGAIN, original
from rollup_bench.harness.stats.claims import claims
from rollup_bench.harness.stats.effort import WIDTH, finished, shares
from rollup_bench.harness.stats.estimate import STOPS, Estimate, Logs, asked, estimate, paired, variances
from rollup_bench.harness.stats.moderation import estimates
from rollup_bench.harness.stats.noise import Key, Measured, floors
from tests.support import ROOT

RUN = ROOT / "results/vm/flights-standard.jsonl"
SITUATIONS = (
    (0.5, "usual"),
    *((factor, situation) for factor in (1.0, 2.0) for situation in ("usual", "drift", "bimodal", "one launch off")),
    (1.0, "one question unlike"),
    (1.0, "three launches"),
)
"""Factors of the deviations, with situations: `drift` is common to all arms, `bimodal` times have two modes.

In `one question unlike`, all variances of one question are ten times as large.
"""
COVERED, FALSE, POWER = 0.98, 0.01, 0.8  # the least coverage, the most false discoveries, the least power for +10%
FOUND = "wall +10% found"
SLOWER = math.log(1.1)
FIXED = 300.0  # the seconds of a launch without its rounds
MIDMEAN = 1.2  # the variance of the midmean of normal values, relative to that of their mean
UNLIKE = math.sqrt(10)
GAP = 0.1  # the difference of the two modes of bimodal times, as a logarithm


@dataclass(frozen=True)
class Deviations:
    """Standard deviations of log times of one question, by arm and in common; and the log seconds of each arm.

    `processor` is the deviation of log processor times between launches.
    """

    arms: dict[str, float]
    launch: dict[str, float]
    round: dict[str, float]
    processor: dict[str, float]
    common_launch: float
    common_round: float

    def times(self, factor: float) -> "Deviations":
        """Returns the deviations multiplied by a factor."""

        def scaled(values: Mapping[str, float]) -> dict[str, float]:
            return {arm: factor * value for arm, value in values.items()}

        return replace(
            self,
            launch=scaled(self.launch),
            round=scaled(self.round),
            processor=scaled(self.processor),
            common_launch=factor * self.common_launch,
            common_round=factor * self.common_round,
        )


@dataclass
class Counts:
    """How many values there were of each kind, and how many of them were as wanted."""

    tried: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, success: bool) -> None:
        """Counts one value."""
        self.tried[kind] += 1
        self.succeeded[kind] += success

    def share(self, kind: str) -> float:
        """Returns the share of successes."""
        return self.succeeded[kind] / max(self.tried[kind], 1)


def deviations(run: Run) -> dict[str, Deviations]:
    """Estimates the deviations of each question in the hot state that all arms were asked.

    A few launches tell little of how they vary, so the variance between launches is the mean over all questions.
    """
    processor = _processor(run)
    parts = {
        question: _Parts(launches) for (question, cache), launches in measured_rounds(run).items() if cache == "hot"
    }
    arms = max((each.arms for each in parts.values()), key=len)
    parts = {question: each for question, each in parts.items() if each.arms == arms}
    launch = _roots(np.mean([each.own[:, 0] for each in parts.values()], axis=0))
    common = _roots(np.mean([each.common for each in parts.values()], axis=0))
    return {
        question: Deviations(
            arms=dict(zip(arms, each.times, strict=True)),
            launch=dict(zip(arms, launch, strict=True)),
            round=dict(zip(arms, _roots(each.own[:, 1] / MIDMEAN), strict=True)),
            processor={arm: processor[question, arm] for arm in arms},
            common_launch=common[0],
            common_round=common[1],
        )
        for question, each in parts.items()
    }


class _Parts:
    """Splits the variances of a question's arms into their own and a common part, between and within launches.

    The ratio of two arms has the sum of their own variances. `own` has a row for each arm, and a column for each kind.
    """

    def __init__(self, logs: Sequence[Mapping[str, Logs]]) -> None:
        self.arms = [arm for arm in logs[0] if not arm.endswith(AGAIN)]
        rounds = {arm: [asked(one[arm]) for one in logs] for arm in self.arms}
        self.times = [float(np.mean(np.concatenate(launches))) - math.log(1e9) for launches in rounds.values()]
        pairs = list(combinations(range(len(self.arms)), 2))
        design = np.zeros((len(pairs), len(self.arms)))
        for row, pair in zip(design, pairs, strict=True):
            row[list(pair)] = 1.0
        ratios = [variances(paired(logs, self.arms[one], self.arms[other])) for one, other in pairs]
        self.own: Logs = np.linalg.lstsq(design, np.array(ratios))[0]
        self.common: Logs = np.mean([variances(launches) for launches in rounds.values()] - self.own, axis=0)


def _roots(values: Logs) -> list[float]:
    """Returns square roots, and 0 for negative estimates of a variance."""
    return [float(value) for value in np.sqrt(np.maximum(values, 0.0))]


def _processor(run: Run) -> dict[tuple[str, str], float]:
    """Returns the deviation between launches of the log processor seconds of each question on each arm."""
    logs = processor_logs(run).items()
    return {(cell.question, cell.arm): float(np.std(list(launches.values()), ddof=1)) for cell, launches in logs}


class Simulation:
    """A run whose true values are known: all questions, of arms named by their place in `ROLES`."""

    ROLES = ("same", "also same", "ten", "ten more", "other", "another")

    def __init__(self, questions: Mapping[str, Deviations], situation: str, rng: np.random.Generator) -> None:
        self.situation, self.rng = situation, rng
        self.questions = {(question, "hot"): self._cast(each) for question, each in questions.items()}
        self.unlike: Key | None = None
        if situation == "one question unlike":
            self.unlike = list(self.questions)[int(rng.integers(len(questions)))]
            self.questions[self.unlike] = self.questions[self.unlike].times(UNLIKE)
        self.off = {key: (int(rng.integers(STOPS[0])), str(rng.choice(self.ROLES))) for key in self.questions}
        self.wall: dict[Key, list[dict[str, Logs]]] = {key: [] for key in self.questions}
        self.processor: dict[Key, list[dict[str, Logs]]] = {key: [] for key in self.questions}

    def _cast(self, question: Deviations) -> Deviations:
        """Gives the arms of a question roles in a random order, and the times of these roles."""
        arms = [str(arm) for arm in self.rng.permutation(list(question.arms))]
        times = {role: question.arms[arm] for role, arm in zip(self.ROLES, arms, strict=True)}
        times["also same"] = times["same"]
        times["ten more"] = times["ten"] + SLOWER

        def renamed(values: Mapping[str, float]) -> dict[str, float]:
            return {role: values[arm] for role, arm in zip(self.ROLES, arms, strict=True)}

        return replace(
            question,
            arms=times,
            launch=renamed(question.launch),
            round=renamed(question.round),
            processor=renamed(question.processor),
        )

    def run(self, launches: int) -> None:
        """Adds launches until the run may end, or until there are so many."""
        limits = PROFILES["standard"].effort.limits(FIXED)
        seconds = {
            key: {arm: math.exp(time) for arm, time in each.arms.items()} for key, each in self.questions.items()
        }
        for number in range(launches):
            if finished(self.wall, self.processor):
                return
            for key, share in shares(self.wall, seconds, limits).items():
                self.wall[key].append(self._launch(key, number, share.rounds, share.every))
                self.processor[key].append(self._processor(self.questions[key]))

    def _launch(self, key: Key, number: int, rounds: int, every: Mapping[str, int]) -> dict[str, Logs]:
        question, rng = self.questions[key], self.rng
        common = rng.normal(0, question.common_launch) + rng.normal(0, question.common_round, rounds)
        if self.situation == "drift":
            common = common + np.linspace(0, rng.normal(0, 0.3), rounds) + rng.normal(0, 0.02, rounds).cumsum()
        found = {}
        centres = {arm: time + rng.normal(0, question.launch[arm]) for arm, time in question.arms.items()}
        if self.situation == "one launch off" and self.off[key][0] == number:
            centres[self.off[key][1]] += math.log(1.3)
        for name in (*question.arms, f"same{AGAIN}"):
            arm = original(name)
            own = rng.normal(centres[arm], question.round[arm], rounds)
            if self.situation == "bimodal":
                own += np.where(rng.random(rounds) < 0.5, -GAP, GAP)
            found[name] = np.where(np.arange(rounds) % every[arm], np.nan, common + own)
        return found

    def _processor(self, question: Deviations) -> dict[str, Logs]:
        """Returns one value for each arm, which takes the processor for as long as the request."""
        return {arm: self.rng.normal(time, question.processor[arm], 1) for arm, time in question.arms.items()}

    def count(self, counts: Counts) -> None:
        """Counts intervals that hold the true value, claims about identical arms, and found differences of 10%."""
        self._count_ratios("wall", self.wall, counts)
        self._count_ratios("CPU", self.processor, counts)
        for key, launches in self.wall.items():
            for arm, true in self.questions[key].arms.items():
                logs = [asked(launch[arm]) for launch in launches]
                counts.add("median holds", _holds(estimate(logs), true))
                counts.add("median holds at each look", _holds_at_each_look(logs, true))

    def _count_ratios(self, what: str, measured: Measured, counts: Counts) -> None:
        named = [(key, *pair) for key in measured for pair in combinations(self.ROLES, 2)]
        looks = _looks([paired(measured[key], one, other) for key, one, other in named])
        noise, ratios = floors(measured), looks[-1]
        found = claims(ratios, [noise.get(key) for key, *_ in named])
        for place, ((key, one, other), ratio, claim) in enumerate(zip(named, ratios, found, strict=True)):
            true = self.questions[key].arms[other] - self.questions[key].arms[one]
            counts.add(f"{what} holds", _holds(ratio, true))
            counts.add(f"{what} holds at each look", all(_holds(look[place], true) for look in looks))
            counts.add(f"{what} told apart or known to 6%", claim.told_apart or ratio.within(WIDTH))
            if key == self.unlike:
                counts.add(f"{what} holds where launches vary more", _holds(ratio, true))
            if (one, other) == self.ROLES[:2]:
                counts.add(f"{what} false claims", claim.told_apart)
            if (one, other) == self.ROLES[2:4]:
                counts.add(f"{what} +10% found", claim.outcome == "slower")


def _holds(found: Estimate, true: float) -> bool:
    low, high = found.interval()
    return low <= math.exp(true) <= high


def _looks(measured: Sequence[Sequence[Logs]]) -> list[list[Estimate]]:
    """Returns the estimates at each look at a run that these launches allow, the last one at the end."""
    looks = _stops(max(map(len, measured)))
    return [estimates([launches[:look] for launches in measured]) for look in looks]


def _holds_at_each_look(launches: Sequence[Logs], true: float) -> bool:
    return all(_holds(estimate(launches[:look]), true) for look in _stops(len(launches)))


def _stops(launches: int) -> list[int]:
    """Returns the numbers of launches at each look at a run of so many, the last one at the end."""
    return sorted({min(stop, launches) for stop in STOPS})


def simulated(questions: Mapping[str, Deviations], situation: str, runs: int, seed: int = 1) -> Counts:
    """Simulates runs in a situation; returns all counts of `Simulation.count`, and the runs by number of launches."""
    counts, rng = Counts(), np.random.default_rng(seed)
    for _ in range(runs):
        simulation = Simulation(questions, situation, rng)
        simulation.run(3 if situation == "three launches" else PROFILES["standard"].effort.launches)
        simulation.count(counts)
        counts.tried[f"runs of {max(map(len, simulation.wall.values()))} launches"] += 1
    return counts


def failures(counts: Counts) -> Iterator[str]:
    """Yields what is not as it should be, except for the power."""
    for kind in counts.succeeded:
        share = f"{kind}: {counts.share(kind):.2%}"
        if "holds" in kind and counts.share(kind) < COVERED:
            yield f"{share}; at least {COVERED:.0%} wanted"
        if "false" in kind and counts.share(kind) > FALSE:
            yield f"{share}; at most {FALSE:.0%} wanted"


@click.command()
@click.option("--runs", default=100, show_default=True, help="How many runs are simulated in each situation.")
def main(runs: int) -> None:
    """Prints shares for each situation; exits with 1 if intervals hold too rarely, or claims are wrong or too rare."""
    questions, failed = deviations(Run.read(RUN)), list[str]()
    for factor, situation in SITUATIONS:
        name = f"{situation}, deviations times {factor:g}"
        counts = simulated({key: each.times(factor) for key, each in questions.items()}, situation, runs)
        click.echo(name)
        for kind in sorted(counts.tried):
            share = f"{counts.share(kind):7.2%} of " if kind in counts.succeeded else ""
            click.echo(f"  {kind:33} {share}{counts.tried[kind]:,}")
        failed += [f"{name}: {each}" for each in failures(counts)]
        if (factor, situation) == (1.0, "usual") and counts.share(FOUND) < POWER:
            failed.append(f"{name}: {FOUND}: {counts.share(FOUND):.1%}; at least {POWER:.0%} wanted")
    click.echo("\n".join(failed) or "all as wanted")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

"""Counts how often the rule chooses right from simulated runs whose best store is known.

`python -m experiments.choices [RUNS]` (default: 10,000). Three stores answer three questions; a launch multiplies the
processor time of a question on a store by a lognormal number of 8%, and of all of them together by one of 5%. Prices
are of processor time alone, so that the true prices are known. It prints, with RUNS runs each:

- of stores whose prices differ by more than 15%, the share of runs in which one that is not the best is chosen alone,
  and the share in which the best is;
- of two equal stores, the share of runs in which they are not told apart;
- the share of runs in which the true rate from which a dearer, smaller store is the cheapest lies in its interval.
"""

import sys
from collections import Counter

import numpy as np

from rollup_bench.harness.choose.draws import Measured
from rollup_bench.harness.choose.evidence import Evidence, Store
from rollup_bench.harness.choose.flips import flips
from rollup_bench.harness.choose.needs import Needs, Prices
from rollup_bench.harness.choose.prices import HOURS
from rollup_bench.harness.choose.rule import Rule

QUESTIONS = ("a", "b", "c")
OWN, COMMON = 0.08, 0.05
GAP = 1.15
MEMORY_GB = (8.0, 2.0)
PROCESSOR = Needs(prices=Prices(cpu_hour=1.0, memory_gb_month=0.0, disk_gb_month=0.0))


def simulated(
    rng: np.random.Generator, means: list[list[float]], memory: tuple[float, ...] = (), launches: int = 12
) -> Evidence:
    """Returns what a run would measure of stores with these mean processor seconds by question, all of one engine."""
    together = COMMON * rng.normal(size=launches)
    stores = []
    for place, each in enumerate(means):
        logs = {name: together + OWN * rng.normal(size=launches) for name in QUESTIONS}
        measured = {
            name: Measured.of(dict(enumerate((mean * np.exp(logs[name])).tolist())))
            for name, mean in zip(QUESTIONS, each, strict=True)
        }
        size = memory[place] * 1e9 if memory else 0.0
        stores.append(Store(f"one/{place}", measured, memory=size, bytes=0.0))
    return Evidence("simulated", "simulated", "simulated", 1, 10**6, stores, list(QUESTIONS))


def chosen_alone(rng: np.random.Generator) -> str:
    """Says whether the best store is chosen alone, another one, or none; it is at least 15% cheaper than all others."""
    base = rng.lognormal(-4, 1, 3)
    factors = [1.0, *(GAP + rng.exponential(0.2, 2))]
    places = rng.permutation(3)
    means = [(base * factors[place]).tolist() for place in places]
    chosen = Rule(simulated(rng, means), PROCESSOR).choose().chosen
    if len(chosen) > 1:
        return "none"
    return "best" if chosen == [f"one/{int(np.argmin(places))}"] else "wrong"


def told_apart(rng: np.random.Generator) -> bool:
    """Whether two equal stores are told apart."""
    base = rng.lognormal(-4, 1, 3).tolist()
    return len(Rule(simulated(rng, [base, base]), PROCESSOR).choose().chosen) == 1


def covered(rng: np.random.Generator) -> bool:
    """Whether the rate from which a fast store with more memory is the cheapest lies in the interval of its flip."""
    fast = rng.lognormal(-4, 0.3, 3)
    slow = fast * rng.uniform(1.5, 3.0)
    true = (MEMORY_GB[0] - MEMORY_GB[1]) / (float(np.mean(slow - fast)) * HOURS)
    needs = Needs(
        rate=rng.uniform(0.3, 0.7) * true, prices=Prices(cpu_hour=1.0, memory_gb_month=1.0, disk_gb_month=0.0)
    )
    rule = Rule(simulated(rng, [fast.tolist(), slow.tolist()], MEMORY_GB), needs)
    found = [flip for flip in flips(rule, rule.choose()) if flip.need == "rate" and flip.up]
    return any((flip.low or 0.0) <= true <= (flip.high or np.inf) for flip in found)


def main() -> None:
    """Prints the shares."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    alone = Counter(chosen_alone(np.random.default_rng([0, seed])) for seed in range(runs))
    equal = sum(told_apart(np.random.default_rng([1, seed])) for seed in range(runs))
    inside = sum(covered(np.random.default_rng([2, seed])) for seed in range(runs))
    print(f"{runs:,} runs each")
    print(f"a wrong store is chosen: {alone['wrong'] / runs:.2%}; wanted: at most 1%")
    print(f"the best store is chosen: {alone['best'] / runs:.2%}")
    print(f"equal stores are told apart: {equal / runs:.2%}; wanted: at most 5%")
    print(f"the interval of a change contains it: {inside / runs:.2%}; wanted: at least 95%")


if __name__ == "__main__":
    main()

"""The profiles: each says how much a run measures."""

import msgspec

from rollup_bench.harness.run.rounds import Effort

OBJECTIVE = 0.1
"""The most seconds that the p95 of response times should be, unless a profile says something else."""


class UnderLoad(msgspec.Struct, frozen=True):
    """How much a run measures under load: all mixes, and some questions each by itself."""

    questions: int  # how many of the timed questions are measured under load
    sweep: float = 5.0  # seconds of each closed loop
    requests: int = 400  # the requests of an open loop that searches, if the seconds below allow
    least: float = 8.0  # the least seconds of an open loop
    most: float = 120.0  # the most seconds of an open loop
    different: int = 48  # the least number of different requests that clients send
    objective: float = OBJECTIVE  # the most seconds that the p95 of response times should be

    def seconds(self, rate: float, confirms: bool = False) -> float:
        """Returns the length in seconds of an open loop that sends `rate` requests a second.

        A loop that `confirms` a rate is three times as long, but no longer than `most`.
        """
        return min(max(self.requests / rate, self.least) * (3 if confirms else 1), self.most)


class Profile(msgspec.Struct, frozen=True):
    """How much a run measures; `name` is the value of the option `--profile`."""

    name: str
    rows: tuple[int, ...]  # numbers of events of a generated dataset, a run for each; none: as the dataset says
    timed: int | None  # how many questions are timed at most; None: all
    checked: int  # how many requests of each question, the default first, are compared with the truth
    effort: Effort
    load: UnderLoad | None = None
    crashes: bool = False  # whether servers are killed at the end of the run, to measure how they recover
    resumes: bool = True  # whether an interrupted run is resumed if no file is given


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "look",
            rows=(),
            timed=None,
            checked=1,
            effort=Effort(launches=1, least=3, most=5, warm=2.0, rounds=5.0, alone=0.1, mix=0.5),
            resumes=False,
        ),
        Profile("check", rows=(250_000,), timed=0, checked=2, effort=Effort(launches=0, least=0, most=0)),
        Profile(
            "quick",
            rows=(250_000,),
            timed=12,
            checked=2,
            effort=Effort(launches=3, least=2, most=60, warm=45.0, rounds=40.0, alone=0.1),
        ),
        Profile(
            "standard",
            rows=(3_000_000,),
            timed=16,
            checked=4,
            effort=Effort(launches=10, least=4, most=100, warm=240.0, rounds=180.0, alone=0.7, mix=5.0, fresh=60.0),
            load=UnderLoad(questions=3),
            crashes=True,
        ),
        Profile(
            "full",
            rows=(1_000_000, 3_000_000, 10_000_000, 30_000_000),
            timed=None,
            checked=8,
            effort=Effort(launches=10, least=4, most=200, warm=600.0, rounds=300.0, alone=1.0, mix=10.0, fresh=300.0),
            load=UnderLoad(questions=8, sweep=10.0, requests=1000, most=300.0, different=200),
            crashes=True,
        ),
    )
}

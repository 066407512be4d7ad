"""The profiles: each says how much a run measures."""

import msgspec

from rollup_bench.harness.run.rounds import Effort


class UnderLoad(msgspec.Struct, frozen=True):
    """How much a run measures under load; the objective is a bound on a percentile of the response time."""

    questions: int  # how many of the timed questions are measured under load
    sweep: float = 3.0  # seconds of each closed loop
    requests: int = 500  # the requests that an open loop sends on average, if the seconds below allow
    least: float = 5.0  # the least seconds of an open loop
    most: float = 20.0  # the most seconds of an open loop
    percentile: str = "p95"  # the percentile of response times that the objective bounds
    objective: float = 0.1  # the most seconds that this percentile may be


class Profile(msgspec.Struct, frozen=True):
    """How much a run measures; `name` is the value of the option `--profile`."""

    name: str
    rows: tuple[int, ...]  # numbers of events of a generated dataset, a run for each; none: as the dataset says
    timed: int | None  # how many questions are timed at most; None: all
    checked: int  # how many requests of each question, the default first, are compared with the truth
    effort: Effort
    load: UnderLoad | None = None
    resumes: bool = True  # whether an interrupted run is resumed if no file is given


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "look",
            rows=(),
            timed=None,
            checked=1,
            effort=Effort(launches=1, least=3, most=5, warm=2.0, rounds=5.0, alone=0.1),
            resumes=False,
        ),
        Profile("check", rows=(250_000,), timed=0, checked=2, effort=Effort(launches=0, least=0, most=0)),
        Profile(
            "quick",
            rows=(250_000,),
            timed=12,
            checked=2,
            effort=Effort(launches=3, least=2, most=60, warm=60.0, rounds=45.0, alone=0.1),
        ),
        Profile(
            "standard",
            rows=(3_000_000,),
            timed=16,
            checked=4,
            effort=Effort(launches=12, least=4, most=100, warm=240.0, rounds=150.0, alone=0.5, fresh=60.0),
            load=UnderLoad(questions=4),
        ),
        Profile(
            "full",
            rows=(1_000_000, 3_000_000, 10_000_000, 30_000_000),
            timed=None,
            checked=8,
            effort=Effort(launches=12, least=4, most=200, warm=600.0, rounds=300.0, alone=1.0, fresh=300.0),
            load=UnderLoad(questions=8, sweep=5.0, requests=1000),
        ),
    )
}

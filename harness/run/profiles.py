"""How much is measured: profiles by name."""

import msgspec

from rollup_bench.harness.run.rounds import Effort


class UnderLoad(msgspec.Struct, frozen=True):
    """Open loop on so many of the questions that are timed; seconds of each sweep; the objective of capacity."""

    questions: int
    sweep: float = 3.0
    requests: int = 500  # that a schedule holds about
    least: float = 5.0  # seconds of a schedule
    most: float = 20.0
    percentile: str = "p95"
    objective: float = 0.1  # seconds


class Profile(msgspec.Struct, frozen=True):
    """How many rows where a dataset is made to order, how many questions are timed, and how long.

    `checked` requests of each question, the default first, are compared with the truth before it is timed. A run that
    was interrupted is resumed, unless the profile `resumes` none.
    """

    name: str
    rows: tuple[int, ...]
    timed: int | None
    checked: int
    effort: Effort
    load: UnderLoad | None = None
    resumes: bool = True


PROFILES = {
    one.name: one
    for one in (
        Profile(  # a first look
            "look",
            rows=(),
            timed=None,
            checked=1,
            effort=Effort(launches=1, least=3, most=5, width=0.05, warm=0.1, cell=5.0, cost=0.1),
            resumes=False,
        ),
        Profile(  # verdicts alone
            "check",
            rows=(250_000,),
            timed=0,
            checked=2,
            effort=Effort(launches=0, least=0, most=0, width=1.0),
        ),
        Profile(
            "quick",
            rows=(250_000,),
            timed=12,
            checked=2,
            effort=Effort(launches=2, least=10, most=200, width=0.05, warm=2.0, cell=8.0, cost=0.3),
        ),
        Profile(
            "standard",
            rows=(3_000_000,),
            timed=16,
            checked=4,
            effort=Effort(launches=5, least=10, most=200, width=0.03, warm=2.0, cell=8.0, cost=0.3),
            load=UnderLoad(questions=4),
        ),
        Profile(
            "full",
            rows=(1_000_000, 3_000_000, 10_000_000, 30_000_000),
            timed=None,
            checked=8,
            effort=Effort(launches=5, least=10, most=400, width=0.02, warm=10.0, cell=60.0, cost=1.0),
            load=UnderLoad(questions=8, sweep=5.0, requests=1000),
        ),
    )
}

"""What the environment says of how a cluster of one's own is used: copies of each row, and how many must answer."""

import os
from dataclasses import dataclass

from rollup_bench.errors import RequestError

REPLICATION = "ROLLUP_BENCH_CASSANDRA_REPLICATION"
CONSISTENCY = "ROLLUP_BENCH_CASSANDRA_CONSISTENCY"
LEVELS = ("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_ONE", "LOCAL_QUORUM", "EACH_QUORUM")


@dataclass(frozen=True)
class Settings:
    """Copies in each data centre, and the consistency level of reads and writes."""

    replication: int = 1
    consistency: str = "LOCAL_QUORUM"

    def __str__(self) -> str:
        return f"replication {self.replication}, consistency {self.consistency}"


def external() -> Settings:
    """As the environment says, else three copies; RequestError where it says what cannot be."""
    copies = os.environ.get(REPLICATION) or "3"
    level = os.environ.get(CONSISTENCY) or Settings.consistency
    if not copies.isdecimal() or not 1 <= int(copies) <= 99:
        raise RequestError(f"{REPLICATION}: {copies!r} is no number of copies, give one from 1 to 99")
    if level not in LEVELS:
        raise RequestError(f"{CONSISTENCY}: {level!r} is no consistency level, give one of {', '.join(LEVELS)}")
    return Settings(int(copies), level)

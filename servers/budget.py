"""The processor cores and the memory that each engine of a run may use, the same for every engine."""

import os
import re
from dataclasses import dataclass

from rollup_bench.errors import RequestError

CORES, MEMORY = "ROLLUP_BENCH_CORES", "ROLLUP_BENCH_MEMORY"


@dataclass(frozen=True)
class Budget:
    """Processor cores and bytes of memory for one engine, all its processes together."""

    cores: int
    memory: int

    def __str__(self) -> str:
        size = f"{self.memory / (1 << 30):.1f} GiB" if self.memory >= 1 << 30 else f"{self.memory >> 20} MiB"
        return f"{self.cores} core{'s' * (self.cores > 1)} and {size}"


def budget() -> Budget:
    """Returns the budget of each engine: ROLLUP_BENCH_CORES and ROLLUP_BENCH_MEMORY (as 512MiB or 4GiB).

    Without these variables it is all cores and a quarter of the memory. RequestError if a value is not valid.
    """
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    wanted = os.environ.get(CORES, str(cores))
    if not wanted.isdecimal() or not 1 <= int(wanted) <= cores:
        raise RequestError(f"{CORES}: `{wanted}` is not a number of cores; give a number from 1 to {cores}")
    size = re.fullmatch(r"([1-9]\d*)(MiB|GiB)", os.environ.get(MEMORY, f"{memory >> 20}MiB"))
    if size is None:
        raise RequestError(f"{MEMORY}: `{os.environ[MEMORY]}` is not a size; write one as 512MiB or 4GiB")
    return Budget(int(wanted), int(size[1]) << (30 if size[2] == "GiB" else 20))

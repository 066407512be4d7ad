"""The machine that a run was made on, without its name or its paths, and the scope of its figures."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rollup_bench.engines.contract import Engine
from rollup_bench.servers.budget import Budget

NOT_MEASURED = "not measured: fan-out over nodes, replication, failover, data larger than memory"


def machine() -> dict[str, str | int]:
    """Processor, cores that may be used, bytes of memory, kernel, interpreter."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def scope(engines: Sequence[Engine], budget: Budget) -> str:
    """One line that says on what the figures were measured."""
    lines = dict.fromkeys(f"{one.name} {one.version} ({one.scope})" for one in engines)
    size = f"{budget.cores} cores and {budget.memory / 2**30:.1f} GiB"
    machine = f"one node, {size} for each engine, not enforced by cgroup"
    if any(one.server and one.server.via == "external" for one in engines):
        machine = f"servers elsewhere, with what they have there; {size} for an embedded engine"
    return f"{machine}; {'; '.join(lines)}"


def drop_page_cache() -> bool:
    """Makes the kernel forget what it read from disk; False where we may not."""
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
    except OSError:
        return False
    return True


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()

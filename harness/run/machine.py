"""Describes the machine of a run, without host name or paths, and how the engines of the run were set up."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from rollup_bench.engines.contract import Engine
from rollup_bench.engines.source import adapter_hash
from rollup_bench.servers.budget import Budget, budget

NOT_MEASURED = "not measured: fan-out over nodes, replication, failover, data larger than memory"


class Setting(TypedDict):
    """What the first line of a file says of the machine, the engines and their budget."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    adapters: dict[str, str]
    budget: dict[str, int]
    nodes: dict[str, int]
    scope: list[str]
    started: str


def setting(engines: Sequence[Engine]) -> Setting:
    """Returns the setting in which engines are measured, and the instant, which is now."""
    limits = budget()
    return {
        "machine": machine(),
        "versions": {engine.name: engine.version for engine in engines} | {"rollup-bench": version("rollup-bench")},
        "adapters": {engine.name: adapter_hash(engine.name) for engine in engines},
        "budget": {"cores": limits.cores, "memory": limits.memory},
        "nodes": {engine.name: engine.nodes for engine in engines},
        "scope": [scope(engines, limits), NOT_MEASURED],
        "started": now(),
    }


def now() -> str:
    """Returns the instant, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def machine() -> dict[str, str | int]:
    """Returns the processor, usable cores, bytes of memory, kernel and Python version of this machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def scope(engines: Sequence[Engine], budget: Budget) -> str:
    """Returns a line of text with each engine's version, how the engine ran, and the cores and memory it may use."""
    descriptions = dict.fromkeys(f"{engine.name} {engine.version} ({engine.scope})" for engine in engines)
    machine = f"one node, {budget} for each engine, {_enforcement(engines)}"
    if any(engine.server and engine.server.via == "external" for engine in engines):
        machine = f"external servers with their own resources; {budget} for an embedded engine"
    return f"{machine}; {'; '.join(descriptions)}"


def _enforcement(engines: Sequence[Engine]) -> str:
    """Says for which engines a control group enforces the budget of memory, and for which only their settings do."""
    kinds = {"by cgroup": True, "by settings alone": False}
    names = {
        kind: sorted({each.name for each in engines if bool(each.server and each.server.enforced) == wanted})
        for kind, wanted in kinds.items()
    }
    return ", ".join(f"memory limited {kind} for {' and '.join(found)}" for kind, found in names.items() if found)


def drop_page_cache() -> bool:
    """Empties the kernel's page cache; returns False if this process lacks the permission."""
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

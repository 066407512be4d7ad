"""Compares versions with the tested ones: from the lowest in `pyproject.toml` to the one in `verified.json`."""

import json
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version

from rollup_bench.engines import folder
from rollup_bench.engines.contract import Engine
from rollup_bench.errors import RequestError

REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)(?:,[^;]*)?; extra == .([\w-]+).")


def refuse_old(name: str) -> None:
    """RequestError if the client library of an engine is installed and older than this package requires."""
    for requirement in map(REQUIREMENT.fullmatch, requires("rollup-bench") or ()):
        if requirement and requirement[3] == name:
            package, lowest = requirement[1], requirement[2]
            with suppress(PackageNotFoundError):  # importing the engine reports the missing package
                if _numbers(installed := version(package)) < _numbers(lowest):
                    remedy = f"pip install '{package}>={lowest}'"
                    raise RequestError(
                        f"{package} {installed} is older than {lowest}, the oldest version tested: {remedy}"
                    )


def newer(engine: Engine) -> str | None:
    """A warning if the first two numbers of the engine's version are newer than in `verified.json`; else None."""
    newest = tested(engine.name)
    if newest is None or _numbers(engine.version)[:2] <= _numbers(newest)[:2]:
        return None
    return f"{engine.name} {engine.version} is newer than {newest}, the newest version tested"


def tested(name: str) -> str | None:
    """The newest tested version of an engine, as `verified.json` says; None without this file."""
    report = folder(name) / "verified.json"
    return str(json.loads(report.read_bytes())["version"]) if report.exists() else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))

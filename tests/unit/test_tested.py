"""An engine outside the tested versions: one too old is refused, one too new runs after a line that says so."""

import json
from importlib.metadata import requires

import pytest

from rollup_bench.engines import folder, tested
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.registry import engine_type
from tests.support.command import Command

ASK = ("ask", "daily-players", "--dataset", "game", "--rows", "500")
TESTED = json.loads((folder("duckdb") / "verified.json").read_bytes())["version"]
LOWEST = next(r for r in requires("rollup-bench") or () if r.startswith("duckdb")).split(";")[0].split(">=")[1]
CALLS = [ASK, ("run", *ASK[2:]), ("run", *ASK[2:], "--profile", "check"), ("verify", "duckdb")]


@pytest.mark.parametrize("call", CALLS)
def test_a_library_older_than_declared_is_refused(
    call: tuple[str, ...], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tested, "version", lambda _: "1.3.9")
    line = f"duckdb 1.3.9 is older than {LOWEST}, the oldest version tested: pip install 'duckdb>={LOWEST}'"
    assert command.refused(*call).endswith(line)


@pytest.mark.parametrize("installed", ["{}", "{}.0", "{}.0.dev1", "{}.10", "100.0"])
def test_a_library_from_the_declared_version_on_is_accepted(installed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tested, "version", lambda _: installed.format(LOWEST))
    assert issubclass(engine_type("duckdb"), DuckDB)


@pytest.mark.parametrize("profile", [(), ("--profile", "check")])
def test_an_engine_newer_than_tested_runs_after_a_warning(
    profile: tuple[str, ...], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, "version", "100.0.0")
    call = ("run", *ASK[2:], "--questions", ASK[1], *profile)
    status, _, err = command(*call)
    said = [line for line in err.splitlines() if not line.startswith("launch 1 of 1")]  # progress of a slow machine
    assert (status, said) == (0, [f"rollup-bench: duckdb 100.0.0 is newer than {TESTED}, the newest version tested"])


@pytest.mark.parametrize("other", ["1.0.0", TESTED, TESTED.rpartition(".")[0] + ".99"])
def test_an_engine_no_newer_than_tested_says_nothing(
    other: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDB, "version", other)
    status, _, err = command(*ASK)
    assert (status, err) == (0, "")

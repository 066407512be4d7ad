"""How tests are shared among workers (`pytest -n`), and what the run cost. It also works without `-n`."""

import fcntl
import resource
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from rollup_bench.streams import registry
from tests.support import leftovers

BROKERS = "brokers"
"""The group of tests of all brokers, which are short."""
GROUPS = ("druid", "cassandra", "spark", "spark-cassandra", "duckdb-served", BROKERS)
"""The engines with a server, and the brokers. All tests that share a server run on one worker."""
CLUSTER = "outside"
"""The fixture of clusters that tests start for themselves; these tests are a group of their own."""
ALONE = "alone"
"""The mark of a test that measures real time: it runs after the others, while no other worker runs a test."""
TURNS = {"druid": -5, "cassandra": -4, "spark": -3, "spark-cassandra": -3, CLUSTER: -2, "duckdb-served": -1} | {
    BROKERS: -1,
    ALONE: 1,
}
"""Groups with lower numbers begin earlier, the longest first; a group that is not listed has the number 0."""


class Workers:
    """A pytest plugin; `home` is the folder of the lock that the workers share."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._began, self._lock, self._files = time.monotonic(), home / "turn", leftovers.files()

    @pytest.hookimpl(tryfirst=True)
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Group all tests of a server, all timing tests, and otherwise those of a file, which share its fixtures.

        The tests of a server have its name as a mark too, so that `-m "not druid"` leaves them out.
        """
        item.add_marker(pytest.mark.xdist_group(name=_group(item)))
        if server := _server(item):
            item.add_marker(server)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Servers first, so that nothing waits for them at the end; timing tests last."""
        items.sort(key=lambda item: TURNS.get(_group(item), 0))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Wait for a turn before the time limit of the test begins."""
        with self._lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX if item.get_closest_marker(ALONE) else fcntl.LOCK_SH)
            return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run for what all workers together leave behind."""
        if not hasattr(session.config, "workerinput"):
            self._left = [*leftovers.processes(), *(leftovers.files() - self._files)]
            session.exitstatus = session.exitstatus or bool(self._left)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The servers are children of the workers, which have ended."""
        for line in self._left:
            terminalreporter.write_line(f"left behind: {line}", red=True)
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        cpu, wall = sum(one.ru_utime + one.ru_stime for one in used), time.monotonic() - self._began
        terminalreporter.write_line(f"CPU: {cpu:.0f} s (user and system, servers included) in {wall:.0f} s")


def _group(item: pytest.Item) -> str:
    if item.get_closest_marker(ALONE):
        return ALONE
    if CLUSTER in getattr(item, "fixturenames", ()):
        return CLUSTER
    return _server(item) or item.path.name


def _server(item: pytest.Item) -> str | None:
    """The group of the server that a test uses; None if it uses no server."""
    names = set(getattr(item, "fixturenames", ()))
    if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
        names |= {value for value in item.callspec.params.values() if isinstance(value, str)}
    if names & set(registry.names()):
        return BROKERS
    return next((one for one in GROUPS if names & {one, f"{one.replace('-', '_')}_server"}), None)

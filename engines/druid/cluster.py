"""Druid's HTTP interface to tasks and segments."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from rollup_bench.engines.druid.http_transport import Transport
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch

POLL = 0.2
REPORT_TIMEOUT = 2.0
"""Seconds to wait for a task's report, which only serves to show progress."""
ETERNITY = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"


class Cluster:
    """Calls the HTTP interfaces of Druid's coordinator and overlord through the router."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def version(self) -> str:
        """The version of Druid that its router reports."""
        return str(self._call("GET", "/status")["version"])

    def run(self, tasks: Iterable[dict[str, Any]], watch: Watch, pace: Callable[[int], None] | None = None) -> None:
        """Runs tasks side by side; FailureError with the message of the first that fails.

        `pace` is called with the number of rows that the tasks have read so far.
        """
        identities = [self._call("POST", "/druid/indexer/v1/task", task)["task"] for task in tasks]
        running = identities
        while running := [identity for identity in running if not self._succeeded(identity)]:
            if pace:
                pace(sum(map(self._rows_read, identities)))
            watch.pause(POLL)

    def close(self) -> None:
        """Closes the HTTP connection to the router."""
        self._transport.close()

    def wait_until_served(self, source: str, watch: Watch) -> None:
        """Waits until historicals serve every segment of a datasource; FailureError at the deadline of `watch`."""
        always = ETERNITY.replace("/", "_")
        path = f"/druid/coordinator/v1/datasources/{source}/loadstatus?forceMetadataRefresh=true&interval={always}"
        while (self._call("GET", path) or {}).get(source) != 100.0:
            watch.pause(POLL)

    def size(self, source: str) -> int:
        """The size in bytes of all segments of a datasource, one copy of each."""
        return int(self._call("GET", f"/druid/coordinator/v1/datasources/{source}?simple")["segments"]["size"])

    def datasources(self, prefix: str) -> list[str]:
        """The names of all datasources that begin with `prefix`, including datasources with unused segments only."""
        path = "/druid/coordinator/v1/metadata/datasources?includeUnused=true"
        return [name for name in self._call("GET", path) if name.startswith(prefix)]

    def cancel_tasks(self, source: str, watch: Watch) -> None:
        """Stops a datasource's running tasks and waits until none runs; FailureError at the deadline of `watch`."""
        while running := self._running_tasks(source):
            for identity in running:
                self._call("POST", f"/druid/indexer/v1/task/{identity}/shutdown")
            watch.pause(POLL)

    def mark_unused(self, source: str) -> None:
        """Marks all segments of a datasource as unused, so that historicals stop serving them."""
        self._call("DELETE", f"/druid/coordinator/v1/datasources/{source}")

    def delete_unused(self, sources: Iterable[str], watch: Watch) -> None:
        """Deletes the unused segments of datasources from disk and metadata, once no historical serves them."""
        kill = {"type": "kill", "interval": ETERNITY}
        tasks = (kill | {"id": f"kill_{source}_{uuid.uuid4().hex[:8]}", "dataSource": source} for source in sources)
        self.run(tasks, watch)

    def _succeeded(self, task: str) -> bool:
        """Whether a task has ended well; FailureError with its message if it has failed."""
        status = self._call("GET", f"/druid/indexer/v1/task/{task}/status")["status"]
        if status["status"] == "FAILED":
            raise FailureError(f"druid: task {task} failed: {status.get('errorMsg')}")
        return bool(status["status"] == "SUCCESS")

    def _rows_read(self, task: str) -> int:
        """The number of rows that a task has read so far; 0 if no report of the task arrives within 2 s."""
        try:
            report = self._transport.send("GET", f"/druid/indexer/v1/task/{task}/reports", seconds=REPORT_TIMEOUT)
            totals = msgspec.json.decode(report)["ingestionStatsAndErrors"]["payload"]["rowStats"]["totals"]
            return int(totals["buildSegments"]["processed"])
        except (FailureError, KeyError, TypeError, ValueError):
            return 0

    def _running_tasks(self, source: str) -> list[str]:
        tasks = self._call("GET", f"/druid/indexer/v1/tasks?datasource={source}")
        return [task["id"] for task in tasks if task["statusCode"] == "RUNNING"]

    def _call(self, method: str, path: str, body: object = None) -> Any:
        reply = self._transport.send(method, path, None if body is None else msgspec.json.encode(body))
        return msgspec.json.decode(reply) if reply else None

"""The cluster's own interface: tasks, segments and their end."""

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from rollup_bench.engines.druid.wire import Wire
from rollup_bench.errors import FailureError
from rollup_bench.servers.watch import Watch

POLL = 0.2
QUICK = 2.0
"""Seconds in which a task tells how far it is, or is not asked further."""
ETERNITY = "-146136543-09-08T08:23:32.096Z/146140482-04-24T15:36:27.903Z"


class Cluster:
    """Druid's coordinator and overlord, through the router."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def version(self) -> str:
        """As the router tells it."""
        return str(self._call("GET", "/status")["version"])

    def run(self, task: dict[str, Any], watch: Watch, pace: Callable[[int], None] | None = None) -> None:
        """Submits a task and waits for its success; FailureError with the task's own words. `pace` gets rows read."""
        identity = self._call("POST", "/druid/indexer/v1/task", task)["task"]
        while True:
            state = self._call("GET", f"/druid/indexer/v1/task/{identity}/status")["status"]
            if state["status"] == "SUCCESS":
                return
            if state["status"] == "FAILED":
                raise FailureError(f"druid: task {identity} failed: {state.get('errorMsg')}")
            if pace:
                pace(self._read(identity))
            watch.pause(POLL)

    def close(self) -> None:
        """Lets go of the wire."""
        self._wire.close()

    def served(self, source: str, watch: Watch) -> None:
        """Waits until every segment of a datasource is on a historical."""
        always = ETERNITY.replace("/", "_")
        path = f"/druid/coordinator/v1/datasources/{source}/loadstatus?forceMetadataRefresh=true&interval={always}"
        while (self._call("GET", path) or {}).get(source) != 100.0:
            watch.pause(POLL)

    def size(self, source: str) -> int:
        """Bytes of a datasource's segments."""
        return int(self._call("GET", f"/druid/coordinator/v1/datasources/{source}?simple")["segments"]["size"])

    def known(self, prefix: str) -> list[str]:
        """The datasources whose names begin so, also those of which only unused segments are left."""
        path = "/druid/coordinator/v1/metadata/datasources?includeUnused=true"
        return [name for name in self._call("GET", path) if name.startswith(prefix)]

    def cancel(self, source: str, watch: Watch) -> None:
        """Ends the tasks of a datasource."""
        while running := self._running(source):
            for identity in running:
                self._call("POST", f"/druid/indexer/v1/task/{identity}/shutdown")
            watch.pause(POLL)

    def retire(self, source: str) -> None:
        """Marks a datasource's segments unused, so that historicals let go of them."""
        self._call("DELETE", f"/druid/coordinator/v1/datasources/{source}")

    def erase(self, source: str, watch: Watch) -> None:
        """Removes unused segments from the disk and the metadata; those still served would be served for ever."""
        identity = f"kill_{source}_{uuid.uuid4().hex[:8]}"
        self.run({"type": "kill", "id": identity, "dataSource": source, "interval": ETERNITY}, watch)

    def _read(self, task: str) -> int:
        """The rows that a task has read so far; 0 where it cannot tell yet, or not at once."""
        try:
            found = self._wire.send("GET", f"/druid/indexer/v1/task/{task}/reports", seconds=QUICK)
            totals = msgspec.json.decode(found)["ingestionStatsAndErrors"]["payload"]["rowStats"]["totals"]
            return int(totals["buildSegments"]["processed"])
        except (FailureError, KeyError, TypeError, ValueError):
            return 0

    def _running(self, source: str) -> list[str]:
        tasks = self._call("GET", f"/druid/indexer/v1/tasks?datasource={source}")
        return [task["id"] for task in tasks if task["statusCode"] == "RUNNING"]

    def _call(self, method: str, path: str, body: object = None) -> Any:
        found = self._wire.send(method, path, None if body is None else msgspec.json.encode(body))
        return msgspec.json.decode(found) if found else None

"""Datasources of Druid that a stream fills: a supervisor reads the topic, and its task answers before it hands over."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from typing import Any

import msgspec

from rollup_bench.engines.contract import Plan, Session, Support, Where, demand, unsupported
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.druid.client import Connection as Client
from rollup_bench.engines.druid.datasource import Datasource, column_name, quoted
from rollup_bench.engines.druid.engine import Druid
from rollup_bench.engines.druid.http_transport import Transport
from rollup_bench.engines.following import Follower, Mark, Subscribed
from rollup_bench.errors import FailureError
from rollup_bench.servers import Connection
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts

STARTS = 180.0
"""Seconds in which the supervisor's first task must run, and in which it must end."""
POLL = 0.5
TASK = "PT1H"
"""How long a task reads before the next one does; Druid fails tasks of less than a minute."""
SUPERVISORS = "/druid/indexer/v1/supervisor"
MISSING = "not found"
"""Part of Druid's error message for a datasource that has no rows yet."""


class DruidFollower(Follower[Druid]):
    """Fills the datasource of raw events, or of a roll-up."""

    subscribes = True

    def support(self, plan: Plan) -> Support:
        if plan.layout == layouts.tuned:
            return unsupported("the rows of cohorts and funnels in tuned are computed before a load")
        if escaped := [name for name in plan.statistics.types if column_name(name) != name]:
            return unsupported(
                f"Druid reads the column {escaped[0]} of messages under this name, and cannot store it so"
            )
        return Support(Where.SERVER if plan.layout == layouts.raw else Where.INGEST)

    @contextmanager
    def opened(self, plan: Plan) -> Iterator[Subscribed]:
        demand(self.support(plan))
        address = self.engine.served_by.connection
        with closing(Client(Transport(address))) as client, closing(Transport(address)) as overlord:
            yield _Datasource(self.engine, plan, client, overlord)

    def stop(self, plan: Plan) -> None:
        (datasource,) = plan.tables
        with closing(Transport(self.engine.served_by.connection)) as overlord, suppress(FailureError):
            overlord.send("POST", f"{SUPERVISORS}/{source_name(plan, datasource)}/terminate", None)


FOLLOWER = DruidFollower


class _Datasource(Subscribed):
    def __init__(self, engine: Druid, plan: Plan, client: Client, overlord: Transport) -> None:
        self._engine, self._plan, self._client, self._overlord = engine, plan, client, overlord
        (self._datasource,) = plan.tables
        self._source = source_name(plan, self._datasource)

    def mark(self) -> Mark:
        """How many events Druid counts; it keeps its own place in the topic, with its segments."""
        try:
            ((count,),) = self._client.rows(f"SELECT {self._datasource.count} FROM {quoted(self._source)}")
        except FailureError as error:
            if MISSING in str(error):
                return Mark()
            raise
        return Mark(count or 0)

    @contextmanager
    def subscribed(self, kafka: Connection, topic: str, position: str) -> Iterator[None]:
        watch, name = Watch(seconds=STARTS), self._source
        self._call("POST", "", supervisor(self._datasource, name, kafka, topic, position))
        while not self._call("GET", f"/{name}/status")["payload"]["activeTasks"]:
            watch.pause(POLL)
        try:
            yield
        finally:
            self._call("POST", f"/{name}/terminate")

    def session(self) -> AbstractContextManager[Session]:
        return self._engine.session(self._plan)

    def _call(self, method: str, path: str, body: object = None) -> Any:
        reply = self._overlord.send(method, SUPERVISORS + path, None if body is None else msgspec.json.encode(body))
        return msgspec.json.decode(reply)


def source_name(plan: Plan, datasource: Datasource) -> str:
    """The name of a datasource of a plan, and of the supervisor that fills it."""
    return f"{plan.name}_{datasource.name}"


def supervisor(datasource: Datasource, source: str, kafka: Connection, topic: str, position: str) -> dict[str, Any]:
    """The supervisor that reads a topic into the datasource named `source`, from its first message."""
    schema = ingest.schema(datasource, source)
    del schema["granularitySpec"]["intervals"]  # a supervisor takes events of any time
    schema["timestampSpec"] = {"column": datasource.time, "format": "millis"}
    exclusions = schema["dimensionsSpec"].setdefault("dimensionExclusions", [])
    schema["dimensionsSpec"]["dimensionExclusions"] = [*exclusions, position]
    return {
        "type": "kafka",
        "spec": {
            "dataSchema": schema,
            "ioConfig": {
                "type": "kafka",
                "topic": topic,
                "inputFormat": {"type": "json"},
                "consumerProperties": {"bootstrap.servers": kafka.address},
                "taskDuration": TASK,
                "useEarliestOffset": True,
            },
            "tuningConfig": {"type": "kafka", "indexSpec": ingest.INDEX, "reportParseExceptions": True},
        },
    }

"""The processes of a Druid server: ZooKeeper, coordinator (with overlord), broker, historical, indexer and router."""

import json
import socket
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from ssl import SSLCertVerificationError

from rollup_bench.engines.druid.http_transport import Transport
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place, Recipe

HEAP = {"coordinator": 1 / 12, "broker": 1 / 8, "historical": 1 / 8, "indexer": 1 / 4, "router": 1 / 24}
DIRECT = {"broker": 3 / 32, "historical": 3 / 32, "indexer": 3 / 32}
"""Shares of the memory that JVMs do not need for themselves; the rest is for the page cache of segments."""

READY = {
    "coordinator": "/druid/coordinator/v1/isLeader",
    "broker": "/druid/broker/v1/readiness",
    "historical": "/druid/historical/v1/readiness",
    "indexer": "/status/health",
    "router": "/status/health",
}
SMALL = 64 << 20


def stages(place: Place) -> list[list[JavaProcess]]:
    """The processes in the order of their start: ZooKeeper first, without which the others could not stop."""
    return [[zookeeper(place)], [role(place, name) for name in READY]]


def zookeeper(place: Place) -> JavaProcess:
    """The process of the ZooKeeper that comes with Druid's jars."""
    config = place.conf("zookeeper") / "zoo.cfg"
    return JavaProcess(
        name="zookeeper",
        role="zookeeper",
        main=("org.apache.zookeeper.server.quorum.QuorumPeerMain", str(config)),
        heap=SMALL,
        direct=SMALL,
        values=_values(place, "zookeeper"),
        ready=lambda: _listens(place.ports["zookeeper"]),
    )


def heap(role: str, budget: Budget) -> int:
    """The bytes of the heap of a role."""
    return max(2 * SMALL, int(_shared(budget) * HEAP[role]))


def _shared(budget: Budget) -> int:
    """The bytes that the JVMs do not need for themselves."""
    return budget.memory - (len(READY) + 1) * RUNTIME


def role(place: Place, name: str) -> JavaProcess:
    """The process of a Druid role, with the role's shares of the server's memory as heap and direct memory."""
    return JavaProcess(
        name=name,
        role=name,
        main=("org.apache.druid.cli.Main", "server", name),
        heap=heap(name, place.budget),
        direct=max(SMALL, int(_shared(place.budget) * DIRECT.get(name, 0))),
        values=_values(place, name),
        ready=lambda: healthy(Connection(("127.0.0.1",), place.ports[name]), READY[name]),
    )


def answers(connection: Connection) -> bool:
    """Whether the overlord answers and SQL shows all needed roles; raises if the login or certificate is rejected."""
    try:
        _call(connection, "/druid/indexer/v1/isLeader")
        servers = _call(connection, "/druid/v2/sql", {"query": "SELECT DISTINCT server_type FROM sys.servers"})
        types = {row["server_type"] for row in json.loads(servers)}
    except (PermissionError, SSLCertVerificationError):
        raise
    except (OSError, HTTPException, ValueError, TypeError, KeyError):
        return False
    return types >= {"coordinator", "overlord", "broker", "historical"} and bool(types & {"indexer", "middle_manager"})


def _values(place: Place, process: str) -> dict[str, object]:
    data, local = place.data(process), "127.0.0.1"
    hosts = {"host": local, "zookeeper_host": local, "derby_host": local}
    sizes = {"cores": place.budget.cores, "tasks": place.budget.cores + 1}
    return {"data": data, "tmp": data / "tmp", "shared": place.data("shared"), **hosts, **sizes, **place.ports}


def healthy(connection: Connection, path: str) -> bool:
    """Whether the process at `connection` answers a GET of `path` with a status below 300; never raises."""
    with suppress(OSError, HTTPException):
        _call(connection, path)
        return True
    return False


def _call(connection: Connection, path: str, body: object = None) -> bytes:
    """The body of a response with a status below 300; PermissionError for 401 and 403, OSError for other statuses."""
    with closing(Transport(connection)) as transport:
        encoded = None if body is None else json.dumps(body).encode()
        status, reply = transport.exchange("GET" if body is None else "POST", path, encoded, seconds=10)
    if status >= 300:
        raise PermissionError if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else OSError(status)
    return reply


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


RECIPE = Recipe(
    name="druid",
    folder=Path(__file__).parent,
    ports=("router", "coordinator", "broker", "historical", "indexer", "zookeeper", "derby"),
    least=5 << 29,
    address="URL",
    example="http://host:8888 or https://host:9088 of a router",
    port=8888,
    stages=stages,
    answers=answers,
)

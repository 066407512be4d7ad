"""Druid's servers: ZooKeeper and five roles."""

import base64
import json
import socket
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from ssl import SSLCertVerificationError
from urllib.error import HTTPError, URLError

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe

HEAP = {"coordinator": 1 / 12, "broker": 1 / 8, "historical": 1 / 8, "indexer": 1 / 4, "router": 1 / 24}
DIRECT = {"broker": 3 / 32, "historical": 3 / 32, "indexer": 3 / 32}
"""Shares of the memory; what is left goes to ZooKeeper, classes, threads and segments in the page cache."""

READY = {
    "coordinator": "/druid/coordinator/v1/isLeader",
    "broker": "/druid/broker/v1/readiness",
    "historical": "/druid/historical/v1/readiness",
    "indexer": "/status/health",
    "router": "/status/health",
}
SMALL = 64 << 20


def stages(place: Place) -> list[list[JavaProcess]]:
    """ZooKeeper first, so that it ends last: without it the roles linger."""
    return [[zookeeper(place)], [role(place, name) for name in READY]]


def zookeeper(place: Place) -> JavaProcess:
    """The ZooKeeper that comes with Druid's jars."""
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


def role(place: Place, name: str) -> JavaProcess:
    """One role with its share of the memory."""
    memory = place.budget.memory
    return JavaProcess(
        name=name,
        role=name,
        main=("org.apache.druid.cli.Main", "server", name),
        heap=max(2 * SMALL, int(memory * HEAP[name])),
        direct=max(SMALL, int(memory * DIRECT.get(name, 0))),
        values=_values(place, name),
        ready=healthy(Connection(("127.0.0.1",), place.ports[name]), READY[name]),
    )


def answers(connection: Connection) -> bool:
    """Whether SQL through the front door sees a role for everything that we ask of a cluster, and tasks are taken."""
    try:
        _call(connection, "/druid/indexer/v1/isLeader")
        found = _call(connection, "/druid/v2/sql", {"query": "SELECT DISTINCT server_type FROM sys.servers"})
        types = {row["server_type"] for row in json.loads(found)}
    except HTTPError as error:
        if error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise PermissionError from None
        return False
    except URLError as error:
        if isinstance(error.reason, SSLCertVerificationError):
            raise error.reason from None
        return False
    except (OSError, HTTPException, ValueError, TypeError, KeyError):
        return False
    return types >= {"coordinator", "overlord", "broker", "historical"} and bool(types & {"indexer", "middle_manager"})


def _values(place: Place, process: str) -> dict[str, object]:
    data, local = place.data(process), "127.0.0.1"
    hosts = {"host": local, "zookeeper_host": local, "derby_host": local}
    return {"data": data, "tmp": data / "tmp", "shared": place.data("shared"), **hosts, **place.ports}


def healthy(connection: Connection, path: str) -> Callable[[], bool]:
    """Whether a role says there that it is."""

    def ready() -> bool:
        try:
            _call(connection, path)
        except (OSError, HTTPException):
            return False
        return True

    return ready


def _call(connection: Connection, path: str, body: object = None) -> bytes:
    request = urllib.request.Request(connection.url + path)  # noqa: S310 (http and https only)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if connection.user is not None:
        login = f"{connection.user}:{connection.password or ''}".encode()
        request.add_header("Authorization", f"Basic {base64.b64encode(login).decode()}")
    https = urllib.request.HTTPSHandler(context=connection.ssl_context())
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
    with direct.open(request, timeout=10) as reply:
        found: bytes = reply.read()
    return found


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


RECIPE = Recipe(
    name="druid",
    folder=Path(__file__).parent,
    ports=("router", "coordinator", "broker", "historical", "indexer", "zookeeper", "derby"),
    least=2 << 30,
    address="URL",
    example="http://host:8888 or https://host:9088 of a router",
    port=8888,
    stages=stages,
    answers=answers,
)

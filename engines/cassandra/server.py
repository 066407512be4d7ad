"""How to start Cassandra: one process for each node."""

import socket
import struct
from pathlib import Path
from ssl import SSLCertVerificationError

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place, Recipe


def stages(place: Place) -> list[list[JavaProcess]]:
    """The processes to start, by stage: one Cassandra node that is its own seed."""
    return [[node(place, "cassandra", "127.0.0.1", place.budget.memory)]]


def node(place: Place, name: str, host: str, memory: int) -> JavaProcess:
    """A node's process. Of the `memory` that the JVM does not need for itself, half is heap, and a quarter is direct.

    The rest is for memtables, which are outside of both and take up to a quarter of the heap, and for the page cache.
    """
    usable = memory - RUNTIME
    values = {
        "config": (place.conf(name) / "cassandra.yaml").as_uri(),
        "data": place.data(name),
        "tmp": place.data(name) / "tmp",
        "host": host,
        "seeds": f"127.0.0.1:{place.ports['storage']}",
    }
    return JavaProcess(
        name=name,
        role="cassandra",
        main=("org.apache.cassandra.service.CassandraDaemon",),
        heap=usable // 2,
        direct=usable // 4,
        values=values | place.ports,
        ready=lambda: answers(Connection((host,), place.ports["cql"])),
    )


def answers(connection: Connection) -> bool:
    """Whether a node of the cluster reports its versions of CQL; a node that is ready does so without a login."""
    return any(_serves(connection, host) for host in connection.hosts)


def _serves(connection: Connection, host: str) -> bool:
    """Whether the node answers SUPPORTED to an OPTIONS request; SSLCertVerificationError for a wrong certificate."""
    context = connection.ssl_context()
    try:
        plain = socket.create_connection((host, connection.port), timeout=5)
        with context.wrap_socket(plain, server_hostname=host) if context else plain as connected:
            connected.sendall(struct.pack(">BBhBi", 0x04, 0, 0, 0x05, 0))
            reply = connected.recv(9)
    except SSLCertVerificationError:
        raise
    except OSError:
        return False
    return len(reply) == 9 and reply[4] == 0x06


RECIPE = Recipe(
    name="cassandra",
    folder=Path(__file__).parent,
    ports=("cql", "storage", "jmx"),
    least=1 << 30,
    address="CONTACT_POINTS",
    example="host,host or host:9042",
    port=9042,
    stages=stages,
    answers=answers,
)

"""Cassandra's server: one process a node."""

import socket
import struct
from pathlib import Path
from ssl import SSLCertVerificationError

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe


def stages(place: Place) -> list[list[JavaProcess]]:
    """One node that is its own seed."""
    return [[node(place, "cassandra", "127.0.0.1", place.budget.memory)]]


def node(place: Place, name: str, host: str, memory: int) -> JavaProcess:
    """Half of the memory is heap, a quarter off it; threads and the page cache have the rest."""
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
        heap=memory // 2,
        direct=memory // 4,
        values=values | place.ports,
        ready=lambda: answers(Connection((host,), place.ports["cql"])),
    )


def answers(connection: Connection) -> bool:
    """Whether a node tells which versions of CQL it speaks, as it does once it serves, before any login."""
    return any(_serves(connection, host) for host in connection.hosts)


def _serves(connection: Connection, host: str) -> bool:
    try:
        return _options(connection, host)
    except SSLCertVerificationError:
        raise
    except OSError:
        return False


def _options(connection: Connection, host: str) -> bool:
    context = connection.ssl_context()
    with socket.create_connection((host, connection.port), timeout=5) as plain:
        connected = context.wrap_socket(plain, server_hostname=host) if context else plain
        with connected:
            connected.sendall(struct.pack(">BBhBi", 0x04, 0, 0, 0x05, 0))  # version 4, OPTIONS, no body
            reply = connected.recv(9)
    return len(reply) == 9 and reply[4] == 0x06  # SUPPORTED


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

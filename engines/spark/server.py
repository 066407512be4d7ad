"""How to start Spark: a Connect server, which is the driver and runs all tasks itself."""

import socket
import sys
from pathlib import Path
from ssl import SSLCertVerificationError

from rollup_bench.servers.connection import Connection
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place, Recipe

HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a connection of HTTP/2 begins: the preface, and settings, of which none differs from the defaults."""
SETTINGS = 4
"""The type of the frame with which a server of HTTP/2 answers."""
SUBMIT = "org.apache.spark.deploy.SparkSubmit"
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


def stages(place: Place) -> list[list[JavaProcess]]:
    """One process, whose tasks use all cores."""
    return [[connect(place, place.budget.memory)]]


def connect(place: Place, memory: int) -> JavaProcess:
    """The Connect server. Of the `memory` that the JVM does not need for itself, 5/8 is heap, and 1/8 is direct.

    Connections and shuffles use direct memory. The rest is for the page cache of the files of tables.
    """
    usable = memory - 2 * RUNTIME
    data = place.data("spark")
    values = {"data": data, "tmp": data / "tmp", "host": "127.0.0.1", "cores": place.budget.cores}
    return JavaProcess(
        name="spark",
        role="spark",
        main=(SUBMIT, "--properties-file", str(place.conf("spark") / "spark-defaults.conf"), "--class", SERVER,
              "spark-internal"),
        heap=usable * 5 // 8,
        direct=usable // 8,
        values=values | place.ports,
        ready=lambda: answers(Connection(("127.0.0.1",), place.ports["connect"])),
        environment={"PYSPARK_PYTHON": sys.executable},
    )  # fmt: skip


def answers(connection: Connection) -> bool:
    """Whether the server speaks HTTP/2, which the Connect server does once its Spark session has started.

    SSLCertVerificationError for a wrong certificate. A login is not needed.
    """
    context = connection.ssl_context()
    if context:
        context.set_alpn_protocols(["h2"])
    host = connection.hosts[0]
    try:
        plain = socket.create_connection((host, connection.port), timeout=5)
        with context.wrap_socket(plain, server_hostname=host) if context else plain as connected:
            connected.sendall(HELLO)
            reply = connected.recv(9)
    except SSLCertVerificationError:
        raise
    except OSError:
        return False
    return len(reply) == 9 and reply[3] == SETTINGS


RECIPE = Recipe(
    name="spark",
    folder=Path(__file__).parent,
    ports=("connect",),
    least=3 << 29,
    address="REMOTE",
    example="sc://host or sc://host:15002",
    port=15002,
    schemes=("sc",),
    login=("TOKEN",),
    stages=stages,
    answers=answers,
)

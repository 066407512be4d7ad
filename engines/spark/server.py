"""How to start Spark: a Connect server, which runs all tasks itself, or is the driver of a cluster of workers."""

import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from ssl import SSLCertVerificationError

from rollup_bench.engines.spark import standalone
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


def cluster(workers: int) -> Recipe:
    """The recipe of a standalone cluster of `workers`, whose driver is the Connect server."""
    return replace(
        RECIPE,
        ports=(*RECIPE.ports, *standalone.PORTS),
        least=(workers + 1) * RECIPE.least,
        stages=partial(cluster_stages, workers),
        workers=workers,
    )


def cluster_stages(workers: int, place: Place) -> list[list[JavaProcess]]:
    """The master, the workers, and the driver, which is stopped first. Each worker and the driver get equal memory.

    The share of a worker also has its executor, and the share of the driver has the master. RequestError if there are
    more workers than cores.
    """
    memory = place.budget.memory // (workers + 1) - standalone.DAEMON
    heap = connect(place, memory).heap
    driver = connect(place, memory, standalone.driver_options(place, workers, heap))
    return [*standalone.daemons(place, workers, heap), [driver]]


def connect(place: Place, memory: int, options: Sequence[str] = ()) -> JavaProcess:
    """The Connect server. Of the `memory` that the JVM does not need for itself, 5/8 is heap, and 1/8 is direct.

    Connections and shuffles use direct memory. The rest is for the page cache of the files of tables. `options` are
    those of the program that submits it.
    """
    usable = memory - 2 * RUNTIME
    data = place.data("spark")
    values = {"data": data, "tmp": data / "tmp", "host": "127.0.0.1", "cores": place.budget.cores}
    return JavaProcess(
        name="spark",
        role="spark",
        main=(SUBMIT, "--properties-file", str(place.conf("spark") / "spark-defaults.conf"), *options,
              "--class", SERVER, "spark-internal"),
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
    cluster=cluster,
)

"""The master and the workers of a standalone cluster of Spark on this machine."""

import json
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException

from rollup_bench.errors import RequestError
from rollup_bench.servers.recipe import RUNTIME, WORKER, JavaProcess, Place

PORTS = ("master", "page")
"""The ports of the master: for workers and drivers, and of the page that lists workers."""
HOST = "127.0.0.1"
HEAP = 128 << 20
"""Bytes of heap of a master or a worker, which run no tasks."""
DAEMON = HEAP + RUNTIME
"""Bytes of memory of a master or a worker."""
PACKAGE = "org.apache.spark.deploy"


def daemons(place: Place, workers: int, heap: int) -> list[list[JavaProcess]]:
    """The master, then the workers, each of which runs one executor with `heap` bytes of heap.

    RequestError if there are more workers than cores.
    """
    if workers > place.budget.cores:
        cores = place.budget.cores
        raise RequestError(
            f"--workers {workers}: the budget has {cores} cores; give at most {cores}, or stop the cluster: down spark"
        )
    ports = ("--port", str(place.ports["master"]), "--webui-port", str(place.ports["page"]))
    master = _daemon(place, "master", "master.Master", ports, 0)
    share = ("--cores", str(place.budget.cores // workers), "--memory", f"{heap >> 20}m", "--webui-port", "0")
    return [[master], [_worker(place, number, share) for number in range(1, workers + 1)]]


def driver_options(place: Place, workers: int, heap: int) -> tuple[str, ...]:
    """The options of a driver whose executors have `heap` bytes of heap, one executor a worker."""
    settings = {
        "spark.master": _address(place),
        "spark.executor.memory": f"{heap >> 20}m",
        "spark.executor.cores": place.budget.cores // workers,
        "spark.executor.extraJavaOptions": f'"@{place.conf("spark") / "jvm.options"}"',
    }
    return tuple(word for name, value in settings.items() for word in ("--conf", f"{name}={value}"))


def alive(page: int) -> int | None:
    """The number of workers that the master, whose page has this port, lists as alive; None if it does not serve."""
    with suppress(OSError, HTTPException, ValueError, KeyError), closing(HTTPConnection(HOST, page, 5)) as connection:
        connection.request("GET", "/json/")
        state = json.loads(connection.getresponse().read())
        return int(state["aliveworkers"]) if state["status"] == "ALIVE" else None
    return None


def _worker(place: Place, number: int, share: tuple[str, ...]) -> JavaProcess:
    """The worker of this number, from 1. Its executors' files are in the folder that each start empties."""
    name = f"{WORKER}{number}"
    folder = ("--work-dir", str(place.data(name) / "tmp"))
    return _daemon(place, name, "worker.Worker", (*share, *folder, _address(place)), number)


def _daemon(place: Place, name: str, main: str, arguments: tuple[str, ...], workers: int) -> JavaProcess:
    """A process that is ready when the master lists this number of workers; executors inherit its environment."""
    data, conf = place.data(name), place.conf(name)
    values = {"data": data, "tmp": data / "tmp", "host": HOST, "cores": place.budget.cores, **place.ports}
    settings = ("--properties-file", str(conf / "spark-defaults.conf"))
    return JavaProcess(
        name=name,
        role=name,
        main=(f"{PACKAGE}.{main}", "--host", HOST, *settings, *arguments),
        heap=HEAP,
        direct=HEAP,
        values=values,
        ready=lambda: (listed := alive(place.ports["page"])) is not None and listed >= workers,
        environment={
            "SPARK_HOME": str(place.folder),
            "SPARK_SCALA_VERSION": "2.13",
            "SPARK_CONF_DIR": str(conf),
            "SPARK_LOCAL_IP": HOST,
        },
    )


def _address(place: Place) -> str:
    return f"spark://{HOST}:{place.ports['master']}"

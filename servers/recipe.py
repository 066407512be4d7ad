"""What an engine or broker declares about its server, such as processes and ports; the rest is the same for all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection


@dataclass(frozen=True)
class Place:
    """The folder, the ports by name, and the budget of a server."""

    folder: Path
    ports: dict[str, int]
    budget: Budget

    def data(self, process: str) -> Path:
        """The folder for the data of the process of this name."""
        return self.folder / "data" / process

    def conf(self, process: str) -> Path:
        """The folder for the configuration files of the process of this name; the folder is first on the class path."""
        return self.folder / "conf" / process


WORKER = "worker"
"""The names of the processes of a cluster's workers begin so."""
RUNTIME = 192 << 20
"""Bytes that a runtime needs beside the memory it is told to use: JVM (classes, compiled code, threads) or Python."""


@dataclass(frozen=True)
class JavaProcess:
    """A Java process, whose configuration is rendered from the templates in `conf/` and `conf/<role>/`.

    The templates in `conf/data/` are rendered into the folder that the value `data` names, if it lacks these files.
    `values` fill the templates; the value `tmp` is a folder that each start empties. `main` is the main class and its
    arguments. `heap` and `direct` (memory off the heap) are limits in bytes. `ready` returns whether the process
    serves, and never raises. `environment` is added to the environment of this program. `folder` holds pom.xml and
    conf/ if these are not in the folder of the recipe.
    """

    name: str
    role: str
    main: tuple[str, ...]
    heap: int
    direct: int
    values: dict[str, object]
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True)
class PythonProcess:
    """A process of the Python interpreter that runs this program: a module of this package, and its arguments."""

    name: str
    module: str
    arguments: tuple[str, ...]
    ready: Callable[[], bool]


Process = JavaProcess | PythonProcess


def java_processes(stages: Sequence[Sequence[Process]]) -> list[JavaProcess]:
    """The Java processes among the processes of all stages."""
    return [process for stage in stages for process in stage if isinstance(process, JavaProcess)]


@dataclass(frozen=True)
class Recipe:
    """How the server of an engine or broker is started, and how an external cluster is reached.

    `folder` holds pom.xml, compose.yml and conf/ if the server consists of Java processes. `ports` are names of ports:
    clients connect to the first `public` ones, beginning with the first. `least` is the least memory in bytes. `stages`
    returns lists of processes; one list after the other is started, and stopped in reverse order. `answers` returns
    whether the server answers, and raises only SSLCertVerificationError if the certificate is not trusted and
    PermissionError if the login is rejected. `ways` are the values of `--via` that the server supports. If `external`
    is one of them, the variable ROLLUP_BENCH_<NAME>_<`address`> holds an external cluster's address, like `example`;
    `port` is the cluster's port if the variable gives none, `schemes` are those of its address, and `login` names the
    variables of the login, the secret last. `cluster`, if it is not None, returns the recipe of a cluster on this
    machine from its number of workers, which is the `workers` of that recipe.
    """

    name: str
    folder: Path
    ports: tuple[str, ...]
    least: int
    stages: Callable[[Place], Sequence[Sequence[Process]]]
    answers: Callable[[Connection], bool]
    ways: tuple[str, ...] = ("native", "compose", "external")
    address: str = ""
    example: str = ""
    port: int = 0
    public: int = 1
    schemes: tuple[str, ...] = ("http", "https")
    login: tuple[str, ...] = ("USER", "PASSWORD")
    cluster: Callable[[int], "Recipe"] | None = None
    workers: int = 0

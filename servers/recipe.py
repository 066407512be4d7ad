"""What an engine declares about its server; all else is the same for all engines."""

from collections.abc import Callable
from dataclasses import dataclass
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
        """The folder of the data of a process."""
        return self.folder / "data" / process

    def conf(self, process: str) -> Path:
        """The folder of the rendered configuration of a process, which comes first on its class path."""
        return self.folder / "conf" / process


@dataclass(frozen=True)
class JavaProcess:
    """One process. Its configuration is rendered from the templates in `conf/` and `conf/<role>/`.

    `values` fill the templates; `tmp` among them is a folder that each start empties. `main` is the main class and its
    arguments. `heap` and `direct` (memory off the heap) are bytes. `ready` says whether the process serves, and never
    raises.
    """

    name: str
    role: str
    main: tuple[str, ...]
    heap: int
    direct: int
    values: dict[str, object]
    ready: Callable[[], bool]


@dataclass(frozen=True)
class Recipe:
    """The server of one engine.

    `folder` holds pom.xml, compose.yml and conf/. `ports` are the names of its ports, that for clients first. `least`
    is the least memory in bytes. The variable ROLLUP_BENCH_<NAME>_<`address`> names an external cluster, as `example`
    shows; `port` is its port unless the variable gives another. `stages` start one after the other, the processes of a
    stage together; they stop in reverse order. `answers` says whether the server answers; it raises
    SSLCertVerificationError for a certificate that is not trusted, PermissionError for a rejected login, and nothing
    else.
    """

    name: str
    folder: Path
    ports: tuple[str, ...]
    least: int
    address: str
    example: str
    port: int
    stages: Callable[[Place], list[list[JavaProcess]]]
    answers: Callable[[Connection], bool]

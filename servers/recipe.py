"""What an engine declares of its server; everything else is the same for all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection


@dataclass(frozen=True)
class Place:
    """Where a native server lives and what it may use."""

    folder: Path
    ports: dict[str, int]
    budget: Budget

    def data(self, process: str) -> Path:
        """The folder where a process keeps its data."""
        return self.folder / "data" / process

    def conf(self, process: str) -> Path:
        """The folder of a process's rendered configuration, first on its class path."""
        return self.folder / "conf" / process


@dataclass(frozen=True)
class JavaProcess:
    """One process: its files are the templates of `conf/` and `conf/<role>/`, with jvm.options.

    `values` fill these in; `data` and `tmp` among them are folders of its own, `tmp` emptied at each start. `heap` and
    `direct` are bytes; `ready` must not raise.
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
    """One engine's server.

    `folder` holds pom.xml, compose.yml and conf/. The first of `ports` is for clients. `least` is the least memory in
    bytes. ROLLUP_BENCH_<NAME>_<`address`> names a cluster of one's own, as `example` shows, which listens on `port`
    unless it says otherwise. `answers` raises SSLCertVerificationError, PermissionError where a login is refused, and
    nothing else. The processes of a stage start together, the stages one by one; they stop the other way round.
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

"""A cluster of the user's own; messages never print hosts, users or passwords."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLCertVerificationError, create_default_context
from typing import ClassVar, Self
from urllib.parse import urlsplit

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers.base import Server, Status
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.ports import wished
from rollup_bench.servers.recipe import Recipe
from rollup_bench.servers.watch import Watch


class ExternalServer(Server):
    """A cluster that others start and stop; this program sees neither the cluster's processes nor its disk.

    Environment variables hold the login, and the address unless `flag` is the option with which `address` was given.
    """

    via: ClassVar[str] = "external"
    restartable: ClassVar[bool] = False

    def __init__(self, recipe: Recipe, home: Path, budget: Budget, flag: str = "", address: str = "") -> None:
        super().__init__(recipe, home, budget)
        self._prefix = f"ROLLUP_BENCH_{recipe.name.upper()}_"
        self._source, self._given = flag or self._prefix + recipe.address, address

    @property
    def connection(self) -> Connection:
        """Address and login from environment variables; RequestError, with its name, if a variable is not valid."""
        tls, hosts, port = self._address()
        ca, (*users, secret) = self._variable("CA"), map(self._variable, self.recipe.login)
        if ca and not _certificates(ca):
            raise RequestError(f"{self._prefix}CA is not a file of certificates: name a file in PEM form")
        tls = tls or bool(ca) or self._variable("TLS") == "1"
        port = port or wished(self.name) or self.recipe.port
        return Connection(hosts, port, tls, Path(ca) if ca else None, next(iter(users), None), secret, self._alias)

    def start(self, watch: Watch) -> bool:
        """Returns False, as nothing is started, if the cluster answers; FailureError if the cluster does not answer."""
        if not self._answers():
            raise FailureError(f"{self.name}: no answer {self._alias}")
        return False

    @contextmanager
    def running(self, watch: Watch) -> Iterator[Self]:
        """Checks that the cluster answers before the block runs; the cluster is neither started nor stopped."""
        self.start(watch)
        yield self

    def stop(self) -> None:
        """Does nothing: others stop the cluster."""

    def status(self) -> Status:
        """Whether the cluster answers; the status names the environment variable of the address, not the hosts."""
        return Status(f"as {self._source} says" if self._answers() else None)

    def logs(self, lines: int) -> str:
        """Raises RequestError, because only whoever runs the cluster has its logs."""
        raise RequestError(f"{self.name}: --via external has no logs here, ask whoever runs the cluster")

    @property
    def _alias(self) -> str:
        return f"where {self._source} says"

    def _answers(self) -> bool:
        try:
            return self.recipe.answers(self.connection)
        except SSLCertVerificationError:
            remedy = f"name a file with its authority in {self._prefix}CA"
            raise RequestError(f"{self.name}: the server's certificate is not trusted: {remedy}") from None
        except PermissionError:
            remedy = f"check {' and '.join(self._prefix + key for key in self.recipe.login)}"
            raise RequestError(f"{self.name} rejected the login: {remedy}") from None

    def _address(self) -> tuple[bool, tuple[str, ...], int | None]:
        try:
            return _parsed(self._given or self._variable(self.recipe.address) or "", self.recipe.schemes)
        except ValueError:
            example, user, tls = self.recipe.example, self._prefix + self.recipe.login[0], f"{self._prefix}TLS=1"
            raise RequestError(f"{self._source}: give {example}; for a login set {user}, for TLS set {tls}") from None

    def _variable(self, key: str) -> str | None:
        return os.environ.get(self._prefix + key) or None


def _certificates(path: str) -> bool:
    try:
        create_default_context(cafile=path)
    except OSError:
        return False
    return True


def _parsed(text: str, schemes: Sequence[str]) -> tuple[bool, tuple[str, ...], int | None]:
    """Parses `https://host:port` or `host,host:port` into TLS or not, hosts, and port or None; else ValueError."""
    schemed = [text] if "://" in text else [f"//{part.strip()}" for part in text.split(",")]
    parts = [urlsplit(part) for part in schemed]
    ports = {part.port for part in parts if part.port}
    odd = any(part.username or part.path.strip("/") or part.query or not part.hostname for part in parts)
    if odd or len(ports) > 1 or parts[0].scheme not in ("", *schemes):
        raise ValueError
    return parts[0].scheme == "https", tuple(str(part.hostname) for part in parts), min(ports, default=None)

"""How a client reaches a server."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """Where a client connects and with which login.

    The repr hides hosts and login. Messages name `alias` instead of the address where it is set.
    """

    hosts: tuple[str, ...] = field(repr=False)
    port: int
    tls: bool = False
    ca: Path | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    alias: str | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """`host:port` of each host, separated by commas."""
        return ",".join(f"{host}:{self.port}" for host in self.hosts)

    @property
    def url(self) -> str:
        """The URL of the first host, without credentials."""
        return f"{'https' if self.tls else 'http'}://{self.hosts[0]}:{self.port}"

    @property
    def location(self) -> str:
        """The location as messages name it: `alias`, or else `at URL`."""
        return self.alias or f"at {self.url}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """A context that trusts `ca`, or else the authorities of the system; None without TLS."""
        return ssl.create_default_context(cafile=self.ca) if self.tls else None

"""The address and the login with which a client reaches a server."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """The hosts and the port that a client connects to, whether by TLS, and the login.

    The repr hides hosts, user and password. Messages name `alias`, if it is set, instead of the address.
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
        """All hosts as `host:port`, separated by commas."""
        return ",".join(f"{host}:{self.port}" for host in self.hosts)

    @property
    def url(self) -> str:
        """The URL of the first host, without credentials."""
        return f"{'https' if self.tls else 'http'}://{self.hosts[0]}:{self.port}"

    @property
    def location(self) -> str:
        """The words by which messages say where the server is: `alias` if it is set, else `at` and the URL."""
        return self.alias or f"at {self.url}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """A TLS context that trusts the file `ca`, or the system's authorities if `ca` is None; None without TLS."""
        return ssl.create_default_context(cafile=self.ca) if self.tls else None

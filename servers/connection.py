"""How a client reaches a server."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Connection:
    """Where a client connects and as whom; of that, its repr shows nothing. `alias` is told instead where it is set."""

    hosts: tuple[str, ...] = field(repr=False)
    port: int
    tls: bool = False
    ca: Path | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    alias: str | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """For people: `host:port`, several parted by commas."""
        return ",".join(f"{host}:{self.port}" for host in self.hosts)

    @property
    def url(self) -> str:
        """For clients of HTTP: the first host, without credentials."""
        return f"{'https' if self.tls else 'http'}://{self.hosts[0]}:{self.port}"

    @property
    def told(self) -> str:
        """Where it is, for messages: `at URL`, unless that must not be told."""
        return self.alias or f"at {self.url}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """Trusts `ca`, else the system's authorities; None without TLS."""
        return ssl.create_default_context(cafile=self.ca) if self.tls else None

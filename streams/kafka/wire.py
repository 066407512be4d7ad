"""Two requests of Kafka's protocol that need no login, so that no client library is needed to see a broker."""

import socket
import struct
from ssl import SSLCertVerificationError

from rollup_bench.servers.connection import Connection

API_VERSIONS, SASL_HANDSHAKE = 18, 17
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
"""The ways of a login by user and password, the one that reveals least first."""
LONGEST = 1 << 20
"""Bytes of the longest reply that is read."""


def answers(connection: Connection) -> bool:
    """Whether a broker reports the versions of its protocol; SSLCertVerificationError for a wrong certificate."""
    return any(_error_code(_reply(connection, host, API_VERSIONS, 0, b"")) == 0 for host in connection.hosts)


def mechanism(connection: Connection) -> str:
    """The best way to log in that a broker offers; PLAIN if no broker offers one or answers."""
    for host in connection.hosts:
        reply = _reply(connection, host, SASL_HANDSHAKE, 1, _text(""))  # a broker rejects "" and lists what it offers
        for name in MECHANISMS:
            if _text(name) in (reply or b""):
                return name
    return MECHANISMS[-1]


def _reply(connection: Connection, host: str, request: int, version: int, body: bytes) -> bytes | None:
    """What a broker replies after its header; None without a valid reply."""
    content = struct.pack(">hhi", request, version, 1) + _text("rollup-bench") + body
    context = connection.ssl_context()
    try:
        plain = socket.create_connection((host, connection.port), timeout=5)
        with context.wrap_socket(plain, server_hostname=host) if context else plain as connected:
            connected.sendall(struct.pack(">i", len(content)) + content)
            with connected.makefile("rb") as stream:
                length, correlation = struct.unpack(">ii", stream.read(8))
                return stream.read(length - 4) if 4 <= length <= LONGEST and correlation == 1 else None
    except SSLCertVerificationError:
        raise
    except (OSError, struct.error):
        return None


def _error_code(reply: bytes | None) -> int | None:
    return struct.unpack(">h", reply[:2])[0] if reply and len(reply) >= 2 else None


def _text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()

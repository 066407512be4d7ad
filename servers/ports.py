"""Free ports on 127.0.0.1; each home folder records its own ports, so that two homes run side by side."""

import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError

CANDIDATES = range(20_000, 32_000)
"""Ports above the well-known ones and below those that systems give to clients."""


def free(port: int) -> bool:
    """Whether a server could listen on the port of 127.0.0.1, because no process does."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def variable(engine: str) -> str:
    """The name of the environment variable that sets an engine's port for clients."""
    return f"ROLLUP_BENCH_{engine.upper().replace('-', '_')}_PORT"


def wished(engine: str) -> int | None:
    """The port for clients in the environment; None if it is not set, RequestError if it is not from 1024 to 65535."""
    value = os.environ.get(variable(engine))
    if value is None:
        return None
    if not value.isdecimal() or not 1024 <= int(value) < 65_536:
        raise RequestError(f"{variable(engine)}: {value!r} is not a port, give one from 1024 to 65535")
    return int(value)


def choose(path: Path, engine: str, names: Sequence[str]) -> dict[str, int]:
    """Chooses a free port for each name, that of the last start if it is free, and writes all into the file `path`.

    The environment may set the port of the first name, for clients; RequestError if that port is in use.
    """
    last, wish = recorded(path), wished(engine)
    chosen: dict[str, int] = {}
    if wish is not None:
        if not free(wish):
            raise RequestError(f"{variable(engine)}: port {wish} is in use, free it or give another")
        chosen[names[0]] = wish
    for name in names:
        if name not in chosen:
            chosen[name] = _pick(last.get(name), {*chosen.values(), *last.values()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(chosen))
    return chosen


def recorded(path: Path) -> dict[str, int]:
    """The ports of the last start, by name, from the file `path`; empty if the file does not exist."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}


def _pick(last: int | None, taken: set[int]) -> int:
    if last is not None and free(last):
        return last
    while True:
        port = secrets.choice(CANDIDATES)
        if port not in taken and free(port):
            return port

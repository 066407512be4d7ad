"""Ports on loopback, kept by each home, so that two homes run side by side."""

import os
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError

CANDIDATES = range(20_000, 32_000)
"""Below the ports that systems give to clients, above the well-known ones."""


def free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def variable(engine: str) -> str:
    """The environment variable that sets the port where clients connect."""
    return f"ROLLUP_BENCH_{engine.upper()}_PORT"


def wished(engine: str) -> int | None:
    """The port that the environment asks for; RequestError where it is no port."""
    value = os.environ.get(variable(engine))
    if value is None:
        return None
    if not value.isdecimal() or not 1024 <= int(value) < 65_536:
        raise RequestError(f"{variable(engine)}: {value!r} is no port, give one from 1024 to 65535")
    return int(value)


def choose(path: Path, engine: str, names: Sequence[str]) -> dict[str, int]:
    """A free port for each name, last time's where it still is free; the first name is for clients."""
    last = recorded(path)
    chosen: dict[str, int] = {}
    wish = wished(engine)
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
    """The ports of the last start."""
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.exists() else {}


def _pick(last: int | None, taken: set[int]) -> int:
    if last is not None and free(last):
        return last
    while True:
        port = secrets.choice(CANDIDATES)
        if port not in taken and free(port):
            return port

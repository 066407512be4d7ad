"""A file server on loopback that resumes downloads, and can be told to answer as broken servers do."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

DATE = "Sat, 25 Jun 2022 00:00:00 GMT"


@dataclass
class FileServer:
    """What the server has and how it answers; tests change it while the server runs.

    `ends` has, for each of the next replies, the number of bytes after which the connection ends; None sends all. While
    `flows` is not set, a reply that has reached its end waits before its connection ends.
    """

    files: dict[str, bytes]
    port: int = 0
    ends: list[int | None] = field(default_factory=list)
    flows: Event = field(default_factory=Event)
    ranges: bool = True
    obeys_if_range: bool = True
    says_length: bool = True
    etag: str | None = '"{}"'
    date: str | None = None
    status: int = 200
    location: str | None = None
    asked: list[str | None] = field(default_factory=list)
    """The header Range of each request so far."""

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """A server of these files, by their paths without the first slash, while inside."""
    state = FileServer(files)
    state.flows.set()

    class Handler(_Handler):
        server_state = state

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield state
        finally:
            state.flows.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server_state: FileServer

    def do_GET(self) -> None:
        state = self.server_state
        state.asked.append(self.headers["Range"])
        content = state.files.get(self.path[1:])
        if state.location or state.status != 200 or content is None:
            self._say(302 if state.location else state.status if content is not None else 404, 0)
            return
        etag = state.etag.format(hashlib.sha256(content).hexdigest()[:8]) if state.etag else None
        start = self._start(etag)
        if start > len(content) - 1:
            self._say(416, 0, {"Content-Range": f"bytes */{len(content)}"})
            return
        about = {"ETag": etag, "Last-Modified": state.date}
        if start:
            about["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self._say(206 if start else 200, len(content) - start if state.says_length else None, about)
        self._send(content[start:], state.ends.pop(0) if state.ends else None)

    def _start(self, etag: str | None) -> int:
        """The first byte to send."""
        state, wanted = self.server_state, re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        current = self.headers["If-Range"] in (etag, state.date) or not state.obeys_if_range
        return int(wanted[1]) if wanted and state.ranges and current else 0

    def _say(self, status: int, length: int | None, about: dict[str, str | None] | None = None) -> None:
        self.send_response(status)
        headers: dict[str, Any] = {"Content-Length": length, "Location": self.server_state.location}
        for name, value in (headers | (about or {})).items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()

    def _send(self, content: bytes, end: int | None) -> None:
        try:
            self.wfile.write(content[:end])
        except OSError:  # the client has gone
            return
        if end is not None:
            self.server_state.flows.wait(60)

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""

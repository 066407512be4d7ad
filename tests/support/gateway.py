"""A door in front of a Druid, as users put one there: TLS, a password, and a list of what is let through."""

import base64
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from re import Pattern
from threading import Thread

from rollup_bench.servers import Connection


@contextmanager
def opened(
    behind: Connection, user: str, password: str, context: ssl.SSLContext, allowed: Sequence[Pattern[str]]
) -> Iterator[int]:
    """Listens while inside, on the port that it gives; `allowed` match `METHOD path?query`."""

    class Handler(_Handler):
        login = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        door = (behind, allowed)

    with _Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: whoever speaks no TLS, or does not trust us, knows."""


class _Handler(BaseHTTPRequestHandler):
    """Asks who it is (401), then whether that is listed (403), then Druid."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    login: str
    door: tuple[Connection, Sequence[Pattern[str]]]

    def do_GET(self) -> None:
        behind, allowed = self.door
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != self.login:
            self._reply(401, b"who are you?")
        elif not any(one.fullmatch(f"{self.command} {self.path}") for one in allowed):
            self._reply(403, f"{self.command} {self.path} is not listed".encode())
        else:
            self._reply(*_passed(behind, self.command, self.path, body))

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _passed(behind: Connection, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection = HTTPSConnection(behind.hosts[0], behind.port, context=behind.ssl_context(), timeout=300)
    try:
        connection.request(method, path, body or None, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()

"""HTTP requests to one host of Druid over a connection that is kept alive."""

import base64
import http.client

import msgspec

from rollup_bench.errors import FailureError
from rollup_bench.servers import Connection

CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
TIMEOUT = 60.0


class Transport:
    """One client's HTTP connection, which opens at the first request, and again if the server has closed it."""

    def __init__(self, connection: Connection) -> None:
        self._address = connection.location
        self._headers = {"Content-Type": "application/json"}
        if connection.user is not None:
            login = f"{connection.user}:{connection.password or ''}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        host, port, context = connection.hosts[0], connection.port, connection.ssl_context()
        secure = http.client.HTTPSConnection(host, port, context=context) if context else None
        self._http = secure or http.client.HTTPConnection(host, port)

    def send(self, method: str, path: str, body: bytes | None = None, seconds: float = TIMEOUT) -> bytes:
        """Sends a request and returns the response's body; FailureError without a response or for a status from 400."""
        try:
            status, reply = self.exchange(method, path, body, seconds)
        except TimeoutError:
            self.close()
            raise FailureError(f"druid {self._address} gives no answer in {seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FailureError(f"druid does not answer {self._address}: {type(error).__name__}") from None
        if status >= 400:
            raise FailureError(f"druid: {status}: {_error_message(reply)}")
        return reply

    def exchange(self, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        """Sends a request, again if the server had closed the kept-alive connection; returns status and body."""
        reused = self._http.sock is not None
        if self._http.timeout != seconds:
            self._http.timeout = seconds
            if reused:
                self._http.sock.settimeout(seconds)
        try:
            self._http.request(method, path, body, self._headers)
            response = self._http.getresponse()
        except CLOSED:
            if not reused:
                raise
            self.close()
            return self.exchange(method, path, body, seconds)
        return response.status, response.read()

    def close(self) -> None:
        """Closes the HTTP connection."""
        self._http.close()


def _error_message(body: bytes) -> str:
    """The error message in the body of Druid's response, as one line of at most 300 characters."""
    try:
        reply = msgspec.json.decode(body)
        text = str(reply.get("errorMessage") or reply.get("error") or reply)
    except (msgspec.DecodeError, AttributeError):
        text = body.decode(errors="replace")
    return " ".join(text.split())[:300]

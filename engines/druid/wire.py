"""HTTP to Druid's router over one connection that is kept alive."""

import base64
import http.client

import msgspec

from rollup_bench.errors import FailureError
from rollup_bench.servers import Connection

LOST = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Wire:
    """A connection of one client; it opens when it is first used, and again when the server has closed it."""

    def __init__(self, connection: Connection) -> None:
        self._told = connection.location
        self._headers = {"Content-Type": "application/json"}
        if connection.user is not None:
            login = f"{connection.user}:{connection.password or ''}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        host, port, trust = connection.hosts[0], connection.port, connection.ssl_context()
        secure = http.client.HTTPSConnection(host, port, context=trust) if trust else None
        self._http = secure or http.client.HTTPConnection(host, port)

    def send(self, method: str, path: str, body: bytes | None = None, seconds: float = 60) -> bytes:
        """The body of the reply; FailureError with Druid's own words, or where there is no answer in time."""
        try:
            status, found = self._sent(method, path, body, seconds)
        except TimeoutError:
            self.close()
            raise FailureError(f"druid {self._told} gives no answer in {seconds:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise FailureError(f"druid does not answer {self._told}: {type(error).__name__}") from None
        if status >= 400:
            raise FailureError(f"druid: {status}: {_complaint(found)}")
        return found

    def close(self) -> None:
        """Lets go of the connection."""
        self._http.close()

    def _sent(self, method: str, path: str, body: bytes | None, seconds: float) -> tuple[int, bytes]:
        """Status and body; sent once more where the server had closed a connection that was kept alive."""
        kept = self._http.sock is not None
        self._http.timeout = seconds
        if kept:
            self._http.sock.settimeout(seconds)
        try:
            self._http.request(method, path, body, self._headers)
            reply = self._http.getresponse()
        except LOST:
            if not kept:
                raise
            self.close()
            return self._sent(method, path, body, seconds)
        return reply.status, reply.read()


def _complaint(body: bytes) -> str:
    """What Druid says went wrong, in one line."""
    try:
        said = msgspec.json.decode(body)
        text = str(said.get("errorMessage") or said.get("error") or said)
    except (msgspec.DecodeError, AttributeError):
        text = body.decode(errors="replace")
    return " ".join(text.split())[:300]

"""Requests to Pulsar by HTTP."""

import base64
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import SSLCertVerificationError

import msgspec

from rollup_bench.servers.connection import Connection

TENANT = "public"
SECONDS = 30.0
"""Seconds in which a broker must answer."""


def answers(connection: Connection) -> bool:
    """Whether a broker lists the namespaces of the tenant; raises if the login or the certificate is rejected."""
    try:
        status, reply = exchange(connection, "GET", f"/admin/v2/namespaces/{TENANT}", seconds=5)
        return status == HTTPStatus.OK and bool(msgspec.json.decode(reply, type=list[str]))
    except (PermissionError, SSLCertVerificationError):
        raise
    except (OSError, HTTPException, msgspec.MsgspecError):
        return False


def exchange(
    connection: Connection, method: str, path: str, body: object = None, seconds: float = SECONDS
) -> tuple[int, bytes]:
    """The status and the body of a response; PermissionError for 401 and 403, OSError or HTTPException without one."""
    host, port, context = connection.hosts[0], connection.port, connection.ssl_context()
    headers = {"Content-Type": "application/json"}
    if connection.user is not None:
        login = f"{connection.user}:{connection.password or ''}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
    secure = HTTPSConnection(host, port, timeout=seconds, context=context) if context else None
    with closing(secure or HTTPConnection(host, port, timeout=seconds)) as http:
        http.request(method, path, None if body is None else msgspec.json.encode(body), headers)
        response = http.getresponse()
        reply = response.read()
    if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise PermissionError
    return response.status, reply

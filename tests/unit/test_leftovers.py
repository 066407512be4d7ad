"""What is left behind is seen, else the check at the end of all tests would say nothing."""

import socket
import subprocess
import sys

from tests.support import leftovers

LISTENS = """
import socket, time
own = socket.create_server(("127.0.0.1", 0))
print(own.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_a_process_and_a_socket_are_seen() -> None:
    with subprocess.Popen([sys.executable, "-c", LISTENS], stdout=subprocess.PIPE, text=True) as left:
        assert left.stdout is not None
        port = left.stdout.readline().strip()
        try:
            assert f"127.0.0.1:{port}" in leftovers.sockets()
            assert any(line.startswith(f"{left.pid} ") for line in leftovers.processes(seconds=0))
        finally:
            left.kill()


def test_a_socket_of_our_own_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert f"127.0.0.1:{own.getsockname()[1]}" in leftovers.sockets()

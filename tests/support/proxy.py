"""A network that can be cut and mended: a port on loopback that passes everything on to another."""

import socket
import struct
from contextlib import suppress
from threading import Event, Lock, Thread

LOCAL = "127.0.0.1"
ABORT = struct.pack("ii", 1, 0)  # linger for no time: the peer sees a reset


class Proxy:
    """Passes bytes to and from `target` until cut or held."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._flows, self._lock = Event(), Lock()
        self._open: set[socket.socket] = set()
        self._flows.set()
        self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def cut(self) -> None:
        """Ends every connection with a reset and refuses new ones."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def mend(self) -> None:
        """Takes new connections again."""
        self._listen(self.port)

    def hold(self) -> None:
        """Keeps connections open, and passes nothing on."""
        self._flows.clear()

    def release(self) -> None:
        """Passes on what was held, and what comes."""
        self._flows.set()

    def _listen(self, port: int) -> None:
        self._listener = socket.create_server((LOCAL, port))
        Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection((LOCAL, self._target))
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._open |= {near, far}
                for pair in ((near, far), (far, near)):
                    Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self._flows.wait()
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

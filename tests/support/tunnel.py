"""TLS in front of a server that speaks none, as users put one there."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread

from rollup_bench.servers import Connection


@contextmanager
def opened(behind: Connection, context: ssl.SSLContext) -> Iterator[int]:
    """Listens while inside, on the port that it gives."""
    ports, loop, stop = SimpleQueue[int](), asyncio.new_event_loop(), asyncio.Event()

    async def listen() -> None:
        server = await asyncio.start_server(passed, "127.0.0.1", 0, ssl=context)
        ports.put(server.sockets[0].getsockname()[1])
        await stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # connections that were cut off are closed in the next round of the loop

    async def passed(near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, on = await asyncio.open_connection(behind.hosts[0], behind.port)
        await asyncio.gather(_copy(near, on), _copy(far, back))

    def run() -> None:
        loop.run_until_complete(listen())
        loop.close()

    thread = Thread(target=run)
    thread.start()
    try:
        yield ports.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Passes bytes on until one side ends, or cuts the connection off if it is cancelled."""
    try:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        with suppress(OSError):
            sink.close()
    except asyncio.CancelledError:
        sink.transport.abort()
        raise

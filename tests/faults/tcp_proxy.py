"""A proxy between a client and a real server: it cuts, slows, swallows answers, or falls silent, when told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path

_PIECE = 64 * 1024


class Mood(Enum):
    """What the proxy does with connections, those that are open and those to come."""

    THROUGH = "passes everything on"
    CUT = "resets them"
    SILENT = "takes them, and passes nothing on either way: half open"
    SLOW = "passes small pieces on, with a pause after each"


class TcpProxy:
    """Listens on a free port of `address`; `target`: (host, port), or the path of a Unix socket."""

    def __init__(self, target: tuple[str, int] | Path, address: str = "127.0.0.1") -> None:
        self._target = target
        self._address = address
        self._mood = Mood.THROUGH
        self._answers_left: int | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self.port = 0
        self.connections = 0  #: so many came so far
        self.cuts = 0  #: answers that were swallowed

    def be(self, mood: Mood) -> None:
        """Behave so from now on."""
        self._mood = mood
        if mood is Mood.CUT:
            self._loop.call_soon_threadsafe(self._cut_all)

    def swallow_after(self, answers: int) -> None:
        """Pass so many answers of the server on; swallow the next and cut: the client cannot know what became of it."""
        self._answers_left = answers

    def stop_swallowing(self) -> None:
        """Pass every answer on again."""
        self._answers_left = None

    def _cut_all(self) -> None:
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, self._address, 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._mood is Mood.CUT:
            writer.transport.abort()
            return
        try:
            if isinstance(self._target, Path):
                far_reader, far_writer = await asyncio.open_unix_connection(self._target)
            else:
                far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:  # nobody listens there at the moment
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(
                self._pass_on(reader, far_writer, answers=False), self._pass_on(far_reader, writer, answers=True)
            )
        finally:
            for end in (writer, far_writer):
                self._open.discard(end)
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(1024 if self._mood is Mood.SLOW else _PIECE):
                while self._mood is Mood.SILENT:
                    await asyncio.sleep(0.01)
                if self._mood is Mood.SLOW:
                    await asyncio.sleep(0.01)
                if answers and self._swallows():
                    self._cut_all()
                    return
                writer.write(piece)
                await writer.drain()
            writer.close()

    def _swallows(self) -> bool:
        if self._answers_left is None:
            return False
        self._answers_left -= 1
        if self._answers_left >= 0:
            return False
        self._answers_left = None
        self.cuts += 1
        return True


@contextmanager
def tcp_proxy(target: tuple[str, int] | Path, address: str = "127.0.0.1") -> Iterator[TcpProxy]:
    """A proxy that runs in a thread of its own."""
    proxy = TcpProxy(target, address)
    loop = proxy._loop
    server = loop.run_until_complete(proxy._serve())
    proxy.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, name="tcp-proxy")
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)

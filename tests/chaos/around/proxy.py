"""A TCP proxy that misbehaves when it is told to: it stands between a worker and a server, and knows no protocol.

Held bytes are not lost: like a network that heals, it delivers them late, unless the connection was given up meanwhile.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import Literal, Self

HOST = "127.0.0.1"
CHUNK_BYTES = 65_536
HELD_POLL_S = 0.02
SLICE_PAUSE_S = 0.001
"""What is written without a pause arrives as one."""
Direction = Literal["up", "down"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with the network: `up` is towards the server, `down` its replies.

    `latency_s` and up to `jitter_s` more are added to every piece of a reply, `slice_bytes` cuts all that passes into
    pieces of that size, `held` are the directions in which nothing arrives until the fault is over.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    slice_bytes: int = 0
    held: frozenset[Direction] = frozenset()


SOUND = Fault()
BLACK_HOLE = Fault(held=frozenset({"up", "down"}))
DEAF = Fault(held=frozenset({"up"}))
MUTE = Fault(held=frozenset({"down"}))


class Proxy:
    """Listens on `port` and forwards to `target`, which may be changed while it runs; every fault at any time."""

    def __init__(self, port: int, target: int, seed: int = 0) -> None:
        self.port, self.target = port, target
        self.fault = SOUND
        self.n_connections = self.n_resets = 0
        self._replies_to_reset = 0
        self._chance = Random(seed)
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=f"proxy {port}", daemon=True)
        self._listening = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @contextmanager
    def suffering(self, fault: Fault) -> Iterator[None]:
        """Have a fault for as long as this lasts."""
        before, self.fault = self.fault, fault
        try:
            yield
        finally:
            self.fault = before

    def reset_replies(self, n: int = 1) -> None:
        """Break the connection at each of the next `n` replies: the server has done it, and says so to nobody."""
        self._replies_to_reset = n

    def cut(self) -> None:
        """Break every connection that is open now."""
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, HOST, self.port)
        self._listening.set()
        await self._stop.wait()
        server.close()
        await self._cut()
        ours = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        try:
            above, towards = await asyncio.open_connection(HOST, self.target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, towards}
        ways = [self._pump("up", reader, towards), self._pump("down", above, writer)]
        try:
            # When one side hangs up, the other is told so at once.
            await asyncio.wait([asyncio.ensure_future(way) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in (writer, towards):
                end.close()
                self._open.discard(end)

    async def _pump(self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(CHUNK_BYTES):
                await self._pass(direction, piece, writer)

    async def _pass(self, direction: Direction, piece: bytes, writer: asyncio.StreamWriter) -> None:
        while direction in self.fault.held:  # noqa: ASYNC110  # the fault is set by another thread
            await asyncio.sleep(HELD_POLL_S)
        fault = self.fault
        if direction == "down":
            if self._replies_to_reset > 0:
                self._replies_to_reset -= 1
                self.n_resets += 1
                _reset(writer)
                raise ConnectionResetError
            if fault.latency_s or fault.jitter_s:
                await asyncio.sleep(fault.latency_s + self._chance.random() * fault.jitter_s)
        for part in _sliced(piece, fault.slice_bytes):
            writer.write(part)
            await writer.drain()
            if fault.slice_bytes:
                await asyncio.sleep(SLICE_PAUSE_S)

    async def _cut(self) -> None:
        for writer in list(self._open):
            _reset(writer)
        self._open.clear()


def _sliced(piece: bytes, n_bytes: int) -> Iterator[bytes]:
    size = n_bytes or len(piece)
    yield from (piece[at : at + size] for at in range(0, len(piece), size))


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other side sees a reset, not an orderly end."""
    if (end := writer.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def slow(latency_s: float, jitter_s: float = 0.0) -> Fault:
    """Return the fault of replies that come late."""
    return replace(SOUND, latency_s=latency_s, jitter_s=jitter_s)


def sliced(n_bytes: int) -> Fault:
    """Return the fault of a network that carries a few bytes at a time."""
    return replace(SOUND, slice_bytes=n_bytes)

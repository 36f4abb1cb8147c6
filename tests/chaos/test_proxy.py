"""Each fault of the proxy really happens: it is no fault that nobody suffers."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.chaos.around.proxy import BLACK_HOLE, DEAF, HOST, MUTE, Proxy, sliced, slow

from menshen.shell.embedded.servers import free_port


class Echo(socketserver.ThreadingTCPServer):
    """Answers each line with itself; `heard` is what arrived."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, prefix: bytes = b"") -> None:
        self.heard: list[bytes] = []
        self.prefix = prefix
        super().__init__((HOST, 0), _Line)


class _Line(socketserver.StreamRequestHandler):
    server: Echo

    def handle(self) -> None:
        for line in self.rfile:
            self.server.heard.append(line)
            self.wfile.write(self.server.prefix + line)


@contextmanager
def echo(prefix: bytes = b"") -> Iterator[Echo]:
    with Echo(prefix) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def server() -> Iterator[Echo]:
    with echo() as running:
        yield running


@pytest.fixture
def proxy(server: Echo) -> Iterator[Proxy]:
    with Proxy(free_port(), server.server_address[1]) as running:
        yield running


@contextmanager
def talking(proxy: Proxy) -> Iterator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=5.0) as line:
        yield line


def ask(line: socket.socket, text: bytes = b"ping\n") -> bytes:
    line.sendall(text)
    got = b""
    while not got.endswith(b"\n"):
        piece = line.recv(1 << 16)
        if not piece:
            return got
        got += piece
    return got


def silent(line: socket.socket, for_s: float = 0.3) -> bool:
    line.settimeout(for_s)
    try:
        return not line.recv(1)
    except TimeoutError:
        return True
    finally:
        line.settimeout(5.0)


def test_a_sound_proxy_carries_both_ways(proxy: Proxy) -> None:
    with talking(proxy) as line:
        assert ask(line) == b"ping\n"
        assert ask(line, b"x" * 300_000 + b"\n") == b"x" * 300_000 + b"\n"


def test_replies_come_late_and_not_always_equally_late(proxy: Proxy) -> None:
    with talking(proxy) as line, proxy.suffering(slow(0.1, 0.1)):
        took_s = []
        for _ in range(5):
            started_s = time.monotonic()
            assert ask(line) == b"ping\n"
            took_s.append(time.monotonic() - started_s)
    assert min(took_s) >= 0.1
    assert max(took_s) - min(took_s) > 0.01


def test_a_reset_reply_was_heard_by_the_server_and_by_nobody_else(proxy: Proxy, server: Echo) -> None:
    with talking(proxy) as line:
        proxy.reset_replies()
        with pytest.raises(ConnectionResetError):
            ask(line)
    assert server.heard == [b"ping\n"]
    assert proxy.n_resets == 1
    with talking(proxy) as line:
        assert ask(line) == b"ping\n"


def test_a_black_hole_takes_everything_and_gives_nothing(proxy: Proxy, server: Echo) -> None:
    with talking(proxy) as line:
        with proxy.suffering(BLACK_HOLE):
            line.sendall(b"ping\n")
            assert silent(line)
            assert server.heard == []
        assert line.recv(10) == b"ping\n"


def test_what_a_deaf_network_holds_does_not_reach_the_server_until_it_heals(proxy: Proxy, server: Echo) -> None:
    with talking(proxy) as line:
        with proxy.suffering(DEAF):
            line.sendall(b"ping\n")
            assert silent(line)
            assert server.heard == []
        assert line.recv(10) == b"ping\n"
        assert server.heard == [b"ping\n"]


def test_a_mute_network_lets_the_request_through_and_holds_the_reply(proxy: Proxy, server: Echo) -> None:
    with talking(proxy) as line:
        with proxy.suffering(MUTE):
            line.sendall(b"ping\n")
            assert silent(line)
            assert server.heard == [b"ping\n"]
        assert line.recv(10) == b"ping\n"


def test_slices_are_small(proxy: Proxy) -> None:
    with talking(proxy) as line, proxy.suffering(sliced(7)):
        line.sendall(b"x" * 100 + b"\n")
        pieces = [line.recv(1 << 16)]
        while not pieces[-1].endswith(b"\n"):
            pieces.append(line.recv(1 << 16))
    assert b"".join(pieces) == b"x" * 100 + b"\n"
    assert len(pieces) > 3


def test_cutting_breaks_what_is_open_and_nothing_else(proxy: Proxy) -> None:
    with talking(proxy) as line:
        assert ask(line) == b"ping\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            ask(line)
    with talking(proxy) as line:
        assert ask(line) == b"ping\n"


def test_new_connections_go_to_the_new_target(proxy: Proxy) -> None:
    with echo(b"other ") as other:
        proxy.target = other.server_address[1]
        with talking(proxy) as line:
            assert ask(line) == b"other ping\n"


def test_where_nobody_listens_the_connection_is_reset(proxy: Proxy) -> None:
    proxy.target = free_port()
    with pytest.raises(ConnectionResetError), talking(proxy) as line:
        ask(line)

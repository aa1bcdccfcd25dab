"""Tunnels through a real sidecar: what is behind a 101, and HTTP/2 from its first byte."""

from __future__ import annotations

import queue
import socket
import threading

import pytest

from sidecar.http1.preface import HTTP2_PREFACE
from tests.support.listening import free_port
from tests.support.raw_upstream import RawUpstream, read_head, read_to_end
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split

UPGRADE = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


def echo_behind_upgrade(connection: socket.socket) -> None:
    _, rest = read_head(connection)
    connection.sendall(SWITCHED + rest)
    while data := connection.recv(65536):
        connection.sendall(data)


def opened(sidecar: Sidecar, behind: bytes = b"") -> tuple[socket.socket, bytes]:
    """A caller's connection that became a tunnel, and the head that said so."""
    caller = sidecar.connect()
    caller.sendall(request("/ws", None, *UPGRADE, close=False) + behind)
    head, rest = read_head(caller)
    assert head.startswith(b"HTTP/1.1 101 ")
    return caller, head + rest


class TestUpgrade:
    def test_bytes_go_both_ways_as_they_are(self) -> None:
        with (
            RawUpstream(echo_behind_upgrade) as server,
            Sidecar(f"http://127.0.0.1:{server.port}") as sidecar,
        ):
            caller, head = opened(sidecar)
            assert b"\r\nconnection: upgrade\r\nupgrade: echo\r\n" in head
            for piece in (b"\x00\xffbinary\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
                caller.sendall(piece)
                assert caller.recv(100) == piece
            caller.close()

    def test_what_the_caller_sent_behind_its_request_comes_first(self) -> None:
        with (
            RawUpstream(echo_behind_upgrade) as server,
            Sidecar(f"http://127.0.0.1:{server.port}") as sidecar,
        ):
            caller, head = opened(sidecar, b"early")
            received = head.partition(b"\r\n\r\n")[2]
            while len(received) < 5:
                received += caller.recv(100)
            assert received == b"early"
            caller.close()

    def test_many_megabytes_with_a_slow_reader_arrive_whole_in_bounded_memory(self) -> None:
        block, n_blocks = bytes(range(256)) * 4096, 48

        def flood(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(SWITCHED)
            for _ in range(n_blocks):
                connection.sendall(block)
            connection.shutdown(socket.SHUT_WR)
            read_to_end(connection)

        with RawUpstream(flood) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            caller, head = opened(sidecar)
            before = sidecar.resident_bytes("worker 0")
            received = len(head.partition(b"\r\n\r\n")[2])
            while more := caller.recv(4096):
                received += len(more)
            assert received == n_blocks * len(block)
            assert sidecar.resident_bytes("worker 0") - before < 8 << 20
            caller.close()

    def test_a_side_that_has_said_all_still_hears_the_other(self) -> None:
        def answer_at_the_end(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(SWITCHED)
            connection.sendall(b"got " + read_to_end(connection))

        with RawUpstream(answer_at_the_end) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            caller, _ = opened(sidecar)
            caller.sendall(b"all")
            caller.shutdown(socket.SHUT_WR)
            assert read_to_end(caller) == b"got all"
            caller.close()

    def test_it_is_one_exchange_that_ends_with_the_tunnel(self) -> None:
        with (
            RawUpstream(echo_behind_upgrade) as server,
            Sidecar(f"http://127.0.0.1:{server.port}") as sidecar,
        ):
            sidecar.monitored()
            caller, _ = opened(sidecar)
            caller.sendall(b"12345")
            assert caller.recv(100) == b"12345"
            assert eventually(lambda: "sidecar_tunnels 1\n" in sidecar.metrics())
            assert sidecar.accounting()["in_flight"] == 1
            caller.close()
            assert sidecar.settled(1)["dropped"]["tunnel"] == 1
            bytes_seen = [
                line for line in sidecar.metrics().splitlines() if line.startswith("sidecar_tunnel_bytes")
            ]
            assert sorted(line.rsplit(" ", 1)[1] for line in bytes_seen) == ["5", "5"]

    def test_an_upstream_that_declines_has_answered(self) -> None:
        def decline(connection: socket.socket) -> None:
            head, _ = read_head(connection)
            assert b"upgrade: echo" in head.lower()
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno")

        with RawUpstream(decline) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            status, _, body = split(sidecar.send(request("/ws", None, *UPGRADE, close=False), until=b"no"))
            assert (status, body) == (403, b"no")

    @pytest.mark.parametrize(
        ("asked", "answered"),
        [
            ((), SWITCHED),
            (UPGRADE, SWITCHED.replace(b"echo", b"other")),
            (UPGRADE, b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        ],
    )
    def test_a_switch_to_what_was_not_asked_for_is_the_upstreams_fault(
        self, asked: tuple[str, ...], answered: bytes
    ) -> None:
        def switch(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(answered + b"secret")
            read_to_end(connection)

        with RawUpstream(switch) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            answer = sidecar.send(request("/ws", None, *asked))
            assert (split(answer)[0], b"secret" in answer) == (502, False)

    def test_an_idle_tunnel_is_closed(self) -> None:
        with (
            RawUpstream(echo_behind_upgrade) as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_TIMEOUTS__TUNNEL_IDLE_S="0.5") as sidecar,
        ):
            caller, _ = opened(sidecar)
            with caller:
                assert read_to_end(caller) == b""

    def test_a_drain_waits_for_it_and_then_cuts_it(self) -> None:
        with (
            RawUpstream(echo_behind_upgrade) as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_DRAIN__LIMIT_S="3") as sidecar,
        ):
            caller, _ = opened(sidecar)
            with caller:
                sidecar.child.terminate()
                eventually(lambda: sidecar.events("not_accepting"))
                caller.sendall(b"still here")
                assert caller.recv(100) == b"still here"
                assert caller.recv(100) == b""
            assert sidecar.child.wait(PATIENCE_S) == 0
            assert sidecar.events("drained")[0]["cut_off"] == 1


class TestHttp2:
    """Frames are opaque here; real gRPC clients and servers have a file of their own."""

    def test_the_connection_goes_through_byte_for_byte(self) -> None:
        got: queue.Queue[bytes] = queue.Queue()

        def serve(connection: socket.socket) -> None:
            connection.sendall(b"settings")  # an HTTP/2 server may speak first
            received = b""
            while len(received) < len(HTTP2_PREFACE) + 6:
                received += connection.recv(100)
            got.put(received)
            connection.sendall(b"frames")
            got.put(read_to_end(connection))

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            with sidecar.connect() as caller:
                for byte in HTTP2_PREFACE:
                    caller.sendall(bytes([byte]))
                caller.sendall(b"client")
                received = b""
                while len(received) < 14:
                    received += caller.recv(100)
            assert received == b"settingsframes"
            assert got.get(timeout=PATIENCE_S) == HTTP2_PREFACE + b"client"
            assert got.get(timeout=PATIENCE_S) == b""

    def test_without_an_upstream_the_connection_ends_without_a_word(self) -> None:
        """As it would without us: a gRPC client makes UNAVAILABLE of it, and would retry behind a GOAWAY."""
        with Sidecar(f"http://127.0.0.1:{free_port()}") as sidecar:
            assert sidecar.send(HTTP2_PREFACE) == b""

    def test_a_preface_behind_a_request_is_no_request(self) -> None:
        def serve(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            read_to_end(connection)

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            answer = sidecar.send(request("/", close=False) + HTTP2_PREFACE)
            assert answer.count(b"HTTP/1.1 ") == 2
            assert b"HTTP/1.1 505 " in answer or b"HTTP/1.1 400 " in answer

    def test_a_caller_that_leaves_ends_the_upstreams_side(self) -> None:
        ended = threading.Event()

        def serve(connection: socket.socket) -> None:
            read_to_end(connection)
            ended.set()

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            caller = sidecar.connect()
            caller.sendall(HTTP2_PREFACE)
            eventually(lambda: server.n_connections)
            caller.close()
            assert ended.wait(PATIENCE_S)

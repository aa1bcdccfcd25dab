"""Streams, trailers, slow peers and callers that leave, through a real sidecar."""

from __future__ import annotations

import queue
import socket
import threading

import pytest

from tests.support.raw_upstream import RawUpstream, read_head, read_to_end
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.upstream import FakeUpstream

EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
CHUNKED_POST = ("Transfer-Encoding: chunked",)
HALF_CLOSING = {"SIDECAR_TIMEOUTS__HALF_CLOSE_S": "60"}  # the default is soon over on a busy machine


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class TestFragments:
    @pytest.mark.parametrize(
        ("head", "framed"),
        [
            (EVENT_STREAM, chunk),
            (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n", bytes),
        ],
    )
    def test_each_is_passed_on_before_the_next_one_exists(self, head: bytes, framed: object) -> None:
        went_on = threading.Semaphore(0)

        def stream(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(head)
            for number in range(20):
                connection.sendall(framed(b"data: %d\n\n" % number))  # type: ignore[operator]
                assert went_on.acquire(timeout=PATIENCE_S), "the caller did not get it"
            if framed is chunk:
                connection.sendall(b"0\r\n\r\n")

        with RawUpstream(stream) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            with sidecar.connect() as caller:
                caller.sendall(request("/v1/chat/completions", b"{}"))
                received = b""
                for number in range(20):
                    while b"data: %d\n\n" % number not in received:
                        received += caller.recv(65536)
                    went_on.release()
                received += read_to_end(caller)
            assert received.endswith(b"0\r\n\r\n")

    def test_each_lies_in_the_ring_with_its_own_time(self) -> None:
        """The monitor counts a record a fragment, beside the final one."""

        def stream(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(EVENT_STREAM)
            for number in range(30):
                connection.sendall(chunk(b"data: %d\n\n" % number))
                went_on.acquire(timeout=PATIENCE_S)
            connection.sendall(b"0\r\n\r\n")

        went_on = threading.Semaphore(0)
        with RawUpstream(stream) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            sidecar.monitored()
            with sidecar.connect() as caller:
                caller.sendall(request("/stream"))
                received = b""
                for number in range(30):
                    while b"data: %d\n\n" % number not in received:
                        received += caller.recv(65536)
                    went_on.release()
                read_to_end(caller)
            sidecar.settled(1)
            assert eventually(lambda: counted(sidecar, "sidecar_records_read_total") >= 31)


def counted(sidecar: Sidecar, name: str) -> float:
    return sum(
        float(line.rsplit(" ", 1)[1]) for line in sidecar.metrics().splitlines() if line.startswith(name)
    )


class TestTrailers:
    def test_of_a_request_reach_the_upstream(self) -> None:
        got: queue.Queue[bytes] = queue.Queue()

        def serve(connection: socket.socket) -> None:
            head, rest = read_head(connection)
            while not rest.endswith(b"\r\n\r\n"):
                rest += connection.recv(65536)
            got.put(head + rest)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            body = chunk(b"abc") + b"0\r\nX-Checksum: 900150983cd2\r\n\r\n"
            sidecar.send(request("/m", None, *CHUNKED_POST, "Trailer: X-Checksum", method="POST") + body)
            seen = got.get(timeout=PATIENCE_S)
            assert b"\r\ntrailer: X-Checksum\r\n" in seen
            assert seen.endswith(chunk(b"abc") + b"0\r\nX-Checksum: 900150983cd2\r\n\r\n")

    def test_of_an_answer_reach_the_caller(self) -> None:
        def serve(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(EVENT_STREAM + chunk(b"abc") + b"0\r\nGrpc-Status: 0\r\n\r\n")

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            answer = sidecar.send(request("/m"))
            assert answer.endswith(chunk(b"abc") + b"0\r\nGrpc-Status: 0\r\n\r\n")


class TestEarlyAnswers:
    def test_an_answer_that_comes_before_the_request_is_whole_is_passed_on(self) -> None:
        def refuse_early(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\n\r\nbig")
            read_to_end(connection)

        with RawUpstream(refuse_early) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            head = request("/m", None, "Content-Length: 1000000", method="POST", close=False)
            answer = sidecar.send(head + b"only a part")
            status, lines, body = split(answer)
            assert (status, body, b"connection: close" in lines) == (413, b"big", True)

    def test_both_directions_can_go_on_together(self) -> None:
        def echo(connection: socket.socket) -> None:
            _, rest = read_head(connection)
            connection.sendall(EVENT_STREAM + rest)
            while not rest.endswith(b"0\r\n\r\n"):
                rest = connection.recv(65536)
                connection.sendall(rest)

        with RawUpstream(echo) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            with sidecar.connect() as caller:
                caller.sendall(request("/m", None, *CHUNKED_POST, method="POST", close=False) + chunk(b"one"))
                received = b""
                while b"one" not in received:
                    received += caller.recv(65536)
                caller.sendall(chunk(b"two") + b"0\r\n\r\n")
                while not received.endswith(b"0\r\n\r\n"):
                    received += caller.recv(65536)
            assert received.index(b"one") < received.index(b"two")


class TestAnswersThatStopWithin:
    """What of it was sent arrives, and nobody can take it for the whole."""

    @staticmethod
    def stop_within(connection: socket.socket) -> None:
        head, _ = read_head(connection)
        framing = b"content-length: 100" if b"/length" in head else b"transfer-encoding: chunked"
        body = b"a part" if b"/length" in head else chunk(b"a part")
        connection.sendall(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (framing, body))

    @pytest.mark.parametrize(("path", "end"), [("/length", b"a part"), ("/chunked", chunk(b"a part"))])
    def test_a_length_or_a_missing_last_chunk_tells(self, path: str, end: bytes) -> None:
        with RawUpstream(self.stop_within) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            assert sidecar.send(request(path)).endswith(end)

    def test_a_caller_who_reads_until_the_end_gets_a_reset(self) -> None:
        with (
            RawUpstream(self.stop_within) as server,
            Sidecar(f"http://127.0.0.1:{server.port}") as sidecar,
            sidecar.connect() as caller,
        ):
            caller.sendall(b"GET /chunked HTTP/1.0\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                read_to_end(caller)


class TestHalfClosedCallers:
    def test_one_that_has_said_all_gets_its_answer(self) -> None:
        with (
            FakeUpstream() as server,
            Sidecar(server.url, **HALF_CLOSING) as sidecar,
            sidecar.connect() as caller,
        ):
            caller.sendall(request("/held", close=False))
            caller.shutdown(socket.SHUT_WR)
            eventually(lambda: server.requests)
            server.released.set()
            assert split(read_to_end(caller))[::2] == (200, b"nothing")

    def test_pipelined_requests_are_all_answered(self) -> None:
        with (
            FakeUpstream() as server,
            Sidecar(server.url, **HALF_CLOSING) as sidecar,
            sidecar.connect() as caller,
        ):
            caller.sendall(request("/held", close=False) + request("/chunked", close=False) * 2)
            caller.shutdown(socket.SHUT_WR)
            server.released.set()
            assert read_to_end(caller).count(b"HTTP/1.1 200 OK\r\n") == 3

    def test_one_that_ends_within_its_body_cancels_it(self) -> None:
        got: queue.Queue[bytes] = queue.Queue()

        def serve(connection: socket.socket) -> None:
            try:
                read_to_end(connection)
                got.put(b"end")
            except ConnectionResetError:
                got.put(b"reset")

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            with sidecar.connect() as caller:
                caller.sendall(request("/m", None, "Content-Length: 10", method="POST") + b"abc")
                eventually(lambda: server.n_connections)
                caller.shutdown(socket.SHUT_WR)
                assert read_to_end(caller) == b""
            assert got.get(timeout=PATIENCE_S) in (b"end", b"reset")


class TestCallersThatLeave:
    def test_the_upstreams_work_is_cancelled_at_once(self) -> None:
        with FakeUpstream() as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            caller = sidecar.connect()
            caller.sendall(request("/held", close=False))
            eventually(lambda: server.requests)
            eventually(lambda: time_passed(caller, 0.1))
            caller.close()
            assert server.aborted.wait(PATIENCE_S)

    def test_unless_the_settings_let_it_finish(self) -> None:
        with (
            FakeUpstream() as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_CANCEL_ON_DISCONNECT="false") as sidecar,
        ):
            sidecar.monitored()
            caller = sidecar.connect()
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
            caller.sendall(request("/held", close=False))
            eventually(lambda: server.requests)
            caller.close()  # resets, so that nobody can take it for half-closed
            eventually(lambda: counted(sidecar, "sidecar_connections") == 1 or None)
            assert not server.aborted.is_set()
            server.released.set()
            eventually(lambda: 'sidecar_exchanges_total{outcome="ok"} 1' in sidecar.metrics())


def swallow(connection: socket.socket) -> None:
    read_to_end(connection)


def time_passed(caller: socket.socket, seconds: float) -> bool:
    """Waits on the connection itself: nothing comes."""
    caller.settimeout(seconds)
    try:
        return caller.recv(1) == b"never"
    except TimeoutError:
        return True
    finally:
        caller.settimeout(PATIENCE_S)


class TestSlowPeers:
    def test_a_trickling_head_is_ended(self) -> None:
        with (
            FakeUpstream() as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_TIMEOUTS__HEAD_S="1") as sidecar,
        ):
            assert self.trickled(sidecar, b"GET / HTTP/1.1\r\nHost: m\r\nX: ").startswith(b"HTTP/1.1 408 ")
            assert server.requests == []

    def test_a_trickling_body_is_ended_though_it_never_pauses(self) -> None:
        with (
            RawUpstream(swallow) as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_TIMEOUTS__BODY_IDLE_S="1") as sidecar,
        ):
            head = request("/m", None, "Content-Length: 1000", method="POST", close=False)
            assert self.trickled(sidecar, head).startswith(b"HTTP/1.1 408 ")

    @staticmethod
    def trickled(sidecar: Sidecar, head: bytes) -> bytes:
        with sidecar.connect() as caller:
            caller.sendall(head)
            caller.settimeout(0.1)
            for _ in range(100):
                try:
                    answer = caller.recv(65536)
                except TimeoutError:
                    caller.sendall(b"x")
                else:
                    return answer
        raise AssertionError("nobody minded")

    def test_a_caller_that_reads_nothing_holds_little_and_is_cut(self) -> None:
        sent: queue.Queue[int] = queue.Queue()

        def flood(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
            n = 0
            try:
                while True:
                    n += connection.send(bytes(65536))
            except OSError:
                sent.put(n)

        with (
            RawUpstream(flood) as server,
            Sidecar(f"http://127.0.0.1:{server.port}", SIDECAR_TIMEOUTS__CALLER_IDLE_S="1") as sidecar,
        ):
            eventually(lambda: sidecar.events("serving"))  # a worker that starts is still growing
            before = sidecar.resident_bytes("worker 0")
            with sidecar.connect() as caller:
                caller.sendall(request("/m"))
                assert sent.get(timeout=PATIENCE_S) < 64 << 20  # what kernels hold in their buffers
                assert sidecar.resident_bytes("worker 0") - before < 4 << 20

    def test_a_slow_reader_of_a_closing_connection_gets_every_byte(self) -> None:
        body = bytes(range(256)) * 40960

        def serve(connection: socket.socket) -> None:
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

        with RawUpstream(serve) as server, Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
            with socket.socket() as caller:
                caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                caller.connect(("127.0.0.1", sidecar.traffic))
                caller.sendall(request("/m"))
                received = bytearray()
                while more := caller.recv(2048):
                    received += more
            assert received.endswith(body)

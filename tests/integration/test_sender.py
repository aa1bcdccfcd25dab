"""Copies on the wire: what a server sees of one, and what is taken for its answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.config.traffic import UpstreamTlsConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.request import Copy
from sidecar.mirror.sender import Sender
from tests.support.certificates import Authority
from tests.support.listening import close, listen
from tests.support.running import PATIENCE_S

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
COPY = Copy("POST", "/v2/models/m/infer?a=%2F", {"x-shadow": "s", "accept": "*/*"}, b"body")


class Server:
    """Answers every request with the same bytes, and keeps what it was asked.

    Args:
        answer: the bytes.
        wrap: of a connection, for TLS.
    """

    def __init__(
        self, answer: bytes, wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain
    ) -> None:
        self.asked: list[bytes] = []
        self._answer = answer
        self._wrap = wrap

    def serve(self, plain: socket.socket) -> None:
        try:
            with self._wrap(plain) as connection:
                while asked := connection.recv(65_536):
                    self.asked.append(asked)
                    connection.sendall(self._answer)
        except OSError:
            return


def sent(
    url: str, copy: Copy, *, tls: UpstreamTlsConfig | None = None, timeout_s: float = PATIENCE_S
) -> Answer:
    async def send() -> Answer:
        sender = Sender(url, 4, timeout_s, 1000, tls or UpstreamTlsConfig())
        try:
            return await sender.send(copy)
        finally:
            await sender.close()

    return asyncio.run(send())


def answer_to(answer: bytes, copy: Copy = COPY, path: str = "") -> tuple[Answer, bytes]:
    """The answer taken, and what the server was asked."""
    server = Server(answer)
    listener = listen(server.serve)
    try:
        taken = sent(f"http://127.0.0.1:{listener.getsockname()[1]}{path}", copy)
    finally:
        close(listener)
    return taken, b"".join(server.asked)


class TestACopy:
    def test_is_one_request_behind_the_path_of_the_url(self) -> None:
        taken, asked = answer_to(OK, path="/base/")
        head, _, body = asked.partition(b"\r\n\r\n")
        first, host, *lines = head.split(b"\r\n")
        assert first == b"POST /base/v2/models/m/infer?a=%2F HTTP/1.1"
        assert host.startswith(b"host: 127.0.0.1:")
        assert lines == [b"x-shadow: s", b"accept: */*", b"content-length: 4"]
        assert (body, taken.status, taken.body, taken.failure) == (b"body", 200, b"ok", None)

    def test_has_the_host_that_was_set_and_no_other(self) -> None:
        _, asked = answer_to(OK, Copy("POST", "/", {"host": "candidate.internal"}, b""))
        assert asked == b"POST / HTTP/1.1\r\nhost: candidate.internal\r\ncontent-length: 0\r\n\r\n"

    def test_without_a_body_announces_none_where_none_is_expected(self) -> None:
        _, asked = answer_to(OK, Copy("GET", "/v1/models/m", {"host": "s"}, b""))
        assert asked == b"GET /v1/models/m HTTP/1.1\r\nhost: s\r\n\r\n"

    def test_keeps_header_values_byte_by_byte(self) -> None:
        _, asked = answer_to(OK, Copy("POST", "/", {"host": "s", "x-name": "M\xfcller"}, b"1"))
        assert b"x-name: M\xfcller\r\n" in asked


class TestAnAnswer:
    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx-a: 1\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK,
        ],
        ids=["chunked with a trailer", "interim heads"],
    )
    def test_is_taken_without_its_framing(self, answer: bytes) -> None:
        taken, _ = answer_to(answer)
        assert (taken.status, taken.body, taken.failure) == (200, b"ok", None)

    def test_has_lower_case_names_repeated_ones_joined_and_no_cookies(self) -> None:
        taken, _ = answer_to(
            b"HTTP/1.1 503 No\r\nX-A: 1\r\nx-a: 2\r\nset-cookie: id=1\r\nContent-Length: 0\r\n\r\n"
        )
        assert (taken.status, taken.headers["x-a"], taken.body) == (503, "1, 2", b"")
        assert "set-cookie" not in taken.headers

    def test_to_head_has_no_body_whatever_it_announces(self) -> None:
        taken, _ = answer_to(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n", Copy("HEAD", "/", {}, b""))
        assert (taken.status, taken.headers["content-length"], taken.failure) == (200, "5000", None)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            b"no HTTP at all\r\n\r\n",
        ],
        ids=["two lengths", "another protocol", "a coding nobody asked for", "no HTTP"],
    )
    def test_that_breaks_http_is_broken(self, answer: bytes) -> None:
        assert answer_to(answer)[0].failure == "broken"

    @pytest.mark.parametrize(
        ("length", "failure"), [(1000, None), (1001, "too_long")], ids=["the longest", "a longer one"]
    )
    def test_is_read_up_to_its_limit(self, length: int, failure: str | None) -> None:
        taken, _ = answer_to(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % length + b"x" * length)
        assert (taken.status, len(taken.body), taken.failure) == (200, 0 if failure else length, failure)


class TestAServer:
    def test_on_a_unix_socket(self, tmp_path: Path) -> None:
        server, place = Server(OK), str(tmp_path / "server")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(place)
            listener.listen()
            thread = threading.Thread(target=lambda: server.serve(listener.accept()[0]))
            thread.start()
            taken = sent(f"unix:{place}", Copy("POST", "/", {}, b""))
            thread.join(PATIENCE_S)
        assert (taken.status, taken.body) == (200, b"ok")
        assert b"host: localhost\r\n" in server.asked[0]

    @pytest.mark.parametrize(
        ("trusting", "failure"), [(True, None), (False, "connect")], ids=["trusted", "not trusted"]
    )
    def test_over_tls_is_verified(self, tmp_path: Path, trusting: bool, failure: str | None) -> None:
        authority = Authority(tmp_path)
        context = authority.serving_context(authority.issue("localhost"))

        def wrap(plain: socket.socket) -> ssl.SSLSocket:
            return context.wrap_socket(plain, server_side=True)

        listener = listen(Server(OK, wrap).serve)
        tls = UpstreamTlsConfig(ca=authority.ca) if trusting else UpstreamTlsConfig()
        try:
            taken = sent(f"https://localhost:{listener.getsockname()[1]}", COPY, tls=tls)
        finally:
            close(listener)
        assert (taken.failure, taken.body) == (failure, b"" if failure else b"ok")

    def test_that_is_silent_is_waited_for_as_long_as_allowed(self) -> None:
        listener = listen(Server(b"").serve)
        try:
            taken = sent(f"http://127.0.0.1:{listener.getsockname()[1]}", COPY, timeout_s=0.05)
        finally:
            close(listener)
        assert (taken.status, taken.failure) == (0, "timeout")
        assert 0.05 <= taken.latency_s < PATIENCE_S

    @pytest.mark.parametrize(
        "rest", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no"], ids=["all", "end"]
    )
    def test_that_owes_the_second_answer_on_a_connection_is_waited_for_as_long(self, rest: bytes) -> None:
        served: list[bytes] = []

        def serve(connection: socket.socket) -> None:
            with connection:
                for answer in (OK, rest):
                    connection.recv(65_536)
                    connection.sendall(answer)
                served.append(connection.recv(65_536))  # nothing: it is cut

        listener = listen(serve)

        async def send_twice() -> tuple[Answer, Answer, Answer]:
            sender = Sender(
                f"http://127.0.0.1:{listener.getsockname()[1]}", 4, 0.05, 1000, UpstreamTlsConfig()
            )
            first, second = await sender.send(COPY), await sender.send(COPY)
            third = await sender.send(COPY)
            await sender.close()
            return first, second, third

        try:
            first, second, third = asyncio.run(send_twice())
        finally:
            close(listener)
        assert (first.status, first.failure) == (200, None)
        assert (second.status, second.headers, second.body, second.failure) == (0, {}, b"", "timeout")
        assert 0.05 <= second.latency_s < PATIENCE_S
        assert (third.status, third.failure) == (200, None)  # on a connection of its own

"""The breaker, seen by callers: it opens, one request probes, and whatever that becomes it closes again."""

from __future__ import annotations

import socket

import pytest

from tests.support.listening import free_port
from tests.support.running import Sidecar, eventually, request, split
from tests.support.upstream import FakeUpstream, Request

QUICK = {
    "SIDECAR_BREAKER__FAILURES": "2",
    "SIDECAR_BREAKER__OPEN_S": "0.1",
    "SIDECAR_RETRIES__ATTEMPTS": "1",
}
UPGRADE = request(
    "/talk",
    None,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    close=False,
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


SETTINGS = b"\0\0\0\4\0\0\0\0\0"


class Talker(FakeUpstream):
    """Agrees to speak other protocols, and then says nothing more."""

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        other = (
            SETTINGS if request.head.startswith(b"PRI ") else SWITCHED if request.lines("upgrade") else b""
        )
        if not other:
            return super()._answer(connection, request)
        connection.sendall(other)
        while connection.recv(65536):
            continue
        return False


@pytest.mark.parametrize(
    ("probe", "answer"),
    [(request("/echo", b"x", close=False), b"HTTP/1.1 200"), (UPGRADE, b"HTTP/1.1 101"), (PREFACE, SETTINGS)],
    ids=["request", "upgrade", "http2"],
)
def test_it_closes_behind_a_probe_of_any_kind(probe: bytes, answer: bytes) -> None:
    port = free_port()
    with Sidecar(f"http://127.0.0.1:{port}", **QUICK) as sidecar:
        assert [split(sidecar.send(request("/echo")))[0] for _ in range(3)] == [502, 502, 503]
        with Talker(port):

            def probed() -> socket.socket | None:
                caller = sidecar.connect()
                caller.sendall(probe)
                if caller.recv(65536).startswith(answer):
                    return caller
                caller.close()
                return None

            with eventually(probed):  # for as long as a tunnel lives as well
                assert [split(sidecar.send(request("/echo", b"y")))[0] for _ in range(3)] == [200] * 3

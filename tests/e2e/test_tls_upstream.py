"""An upstream over TLS, behind a real sidecar."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import threading
import urllib.error
from pathlib import Path

import pytest

from sidecar.http1.preface import HTTP2_PREFACE
from tests.support.certificates import Authority, overwrite
from tests.support.raw_upstream import RawUpstream, read_head, read_to_end
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.tls_peers import (
    ask,
    callers_tls,
    connect,
    keep_answering,
    over_tls,
    serving,
    upstream_tls,
)

UPGRADE = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def url(server: RawUpstream) -> str:
    return f"https://localhost:{server.port}"


def why_unready(sidecar: Sidecar) -> str:
    """What /readyz gives as its reason; it must be 503."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        sidecar.get("/readyz", sidecar.health)
    with caught.value as answer:
        assert answer.code == 503
        return str(json.load(answer)["reason"])


class TestTrust:
    def test_an_upstream_of_an_authority_that_is_named_is_trusted_and_asked_for_by_name(
        self, authority: Authority
    ) -> None:
        asked: queue.Queue[str | None] = queue.Queue()
        context = authority.serving_context(authority.issue("localhost"))
        context.sni_callback = lambda _tls, name, _context: asked.put(name)
        with (
            RawUpstream(over_tls(context, keep_answering())) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            assert split(sidecar.send(request("/")))[::2] == (200, b"ok")
            assert asked.get(timeout=PATIENCE_S) == "localhost"
            assert sidecar.get("/readyz", sidecar.health) == {"status": "ok"}

    def test_a_name_of_the_settings_is_asked_for_and_verified_instead(self, authority: Authority) -> None:
        asked: queue.Queue[str | None] = queue.Queue()
        context = authority.serving_context(authority.issue("model.internal"))
        context.sni_callback = lambda _tls, name, _context: asked.put(name)
        variables = upstream_tls(ca=authority.ca, server_name="model.internal")
        with (
            RawUpstream(over_tls(context, keep_answering())) as server,
            Sidecar(url(server), **variables) as sidecar,
        ):
            assert split(sidecar.send(request("/")))[0] == 200
            assert asked.get(timeout=PATIENCE_S) == "model.internal"

    @pytest.mark.parametrize(
        ("names", "trusted", "reason"),
        [
            (("localhost",), False, "unable to get local issuer certificate"),
            (("elsewhere.internal",), True, "hostname mismatch, certificate is not valid for 'localhost'"),
        ],
        ids=["another authority", "another name"],
    )
    def test_one_that_is_not_trusted_gets_nothing_and_both_sides_are_told_why(
        self, authority: Authority, tmp_path: Path, names: tuple[str, ...], trusted: bool, reason: str
    ) -> None:
        heads: list[bytes] = []
        issuer = authority if trusted else Authority(tmp_path, "stranger")
        context = issuer.serving_context(issuer.issue(*names))
        with (
            RawUpstream(over_tls(context, keep_answering(seen=heads.append))) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            status, lines, body = split(sidecar.send(request("/")))
            problem = json.loads(body)
            assert (status, problem["side"]) == (502, "upstream")
            assert b"content-type: application/problem+json" in lines
            assert problem["detail"] == f"the upstream's certificate is not valid: {reason}"
            assert why_unready(sidecar) == problem["detail"]
            assert heads == []

    def test_without_verification_any_is_taken(self, authority: Authority) -> None:
        context = authority.serving_context(authority.issue("elsewhere.internal"))
        with (
            RawUpstream(over_tls(context, keep_answering())) as server,
            Sidecar(url(server), **upstream_tls(verify="false")) as sidecar,
        ):
            assert split(sidecar.send(request("/")))[0] == 200

    def test_one_that_demands_a_certificate_is_shown_ours(self, authority: Authority) -> None:
        shown: queue.Queue[object] = queue.Queue()
        ours = authority.issue("sidecar.internal")
        context = authority.serving_context(authority.issue("localhost"), demand=True)

        def serve(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            certificate = connection.getpeercert() or {}
            shown.put(certificate.get("subjectAltName"))
            keep_answering()(connection)

        known = upstream_tls(ca=authority.ca, certificate=ours.certificate, key=ours.key)
        with RawUpstream(over_tls(context, serve)) as server:
            with Sidecar(url(server), **known) as sidecar:
                assert split(sidecar.send(request("/")))[0] == 200
                assert shown.get(timeout=PATIENCE_S) == (("DNS", "sidecar.internal"),)
            with Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar:
                assert split(sidecar.send(request("/")))[0] == 502

    def test_one_that_speaks_no_tls_is_a_502(self) -> None:
        def answer_plainly(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        with RawUpstream(answer_plainly) as server, Sidecar(url(server)) as sidecar:
            status, _, body = split(sidecar.send(request("/")))
            assert status == 502
            assert json.loads(body)["detail"] == "no TLS with the upstream: wrong version number"

    def test_a_handshake_that_never_ends_is_a_504(self) -> None:
        variables = {"SIDECAR_TIMEOUTS__CONNECT_S": "0.5", "SIDECAR_RETRIES__ATTEMPTS": "1"}
        with RawUpstream(read_to_end_of) as server, Sidecar(url(server), **variables) as sidecar:
            assert split(sidecar.send(request("/")))[0] == 504

    def test_an_authority_that_is_replaced_is_followed(self, authority: Authority, tmp_path: Path) -> None:
        successor = Authority(tmp_path, "successor")
        context = successor.serving_context(successor.issue("localhost"))
        with (
            RawUpstream(over_tls(context, keep_answering())) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            serving(sidecar)
            assert split(sidecar.send(request("/")))[0] == 502
            overwrite(authority.ca, successor.ca)
            reloaded = eventually(lambda: sidecar.events("certificate_reloaded"))
            assert reloaded[0]["side"] == "upstream"
            assert split(sidecar.send(request("/")))[0] == 200


def read_to_end_of(connection: socket.socket) -> None:
    """Says nothing until the other side ends."""
    read_to_end(connection)


class TestExchanges:
    def test_a_connection_is_used_again(self, authority: Authority) -> None:
        context = authority.serving_context(authority.issue("localhost"))
        with (
            RawUpstream(over_tls(context, keep_answering())) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            for _ in range(5):
                assert split(sidecar.send(request("/")))[0] == 200
            assert server.n_connections == 1

    def test_eight_megabytes_go_both_ways_while_both_sides_speak_tls(self, authority: Authority) -> None:
        body = bytes(range(256)) * 32768

        def echo(connection: socket.socket) -> None:
            _, received = read_head(connection)
            while len(received) < len(body):
                received += connection.recv(1 << 20)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + received)

        pair = authority.issue("localhost")
        variables = {**callers_tls(pair), **upstream_tls(ca=authority.ca)}
        with (
            RawUpstream(over_tls(authority.serving_context(pair), echo)) as server,
            Sidecar(url(server), **variables) as sidecar,
            connect(sidecar, authority.trusting_context()) as caller,
        ):
            assert split(ask(caller, request("/", body)))[::2] == (200, body)

    def test_an_answer_cut_short_by_a_lost_connection_is_no_whole_one(self, authority: Authority) -> None:
        """An end of TCP without TLS's own may be anybody's doing, so it ends no body."""

        def cut(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            read_head(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            connection.shutdown(socket.SHUT_RDWR)  # without close_notify

        context = authority.serving_context(authority.issue("localhost"))
        with (
            RawUpstream(over_tls(context, cut)) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            answer = sidecar.send(request("/"))
            assert b"half" in answer
            assert not answer.endswith(b"0\r\n\r\n")


class TestTunnels:
    def test_an_upgrade_over_tls_on_both_sides(self, authority: Authority) -> None:
        ended = threading.Event()

        def echo(connection: socket.socket) -> None:
            _, rest = read_head(connection)
            connection.sendall(SWITCHED + rest)
            while data := connection.recv(65536):
                connection.sendall(data)
            ended.set()

        pair = authority.issue("localhost")
        variables = {**callers_tls(pair), **upstream_tls(ca=authority.ca)}
        piece = b"\x00\xff" * 100_000
        with (
            RawUpstream(over_tls(authority.serving_context(pair), echo)) as server,
            Sidecar(url(server), **variables) as sidecar,
        ):
            with connect(sidecar, authority.trusting_context()) as caller:
                caller.sendall(request("/ws", None, *UPGRADE, close=False))
                head, received = read_head(caller)
                assert head.startswith(b"HTTP/1.1 101 ")
                caller.sendall(piece)
                while len(received) < len(piece):
                    received += caller.recv(65536)
                assert received == piece
            assert ended.wait(PATIENCE_S)

    def test_http2_over_tls_on_both_sides_asks_the_upstream_for_h2(self, authority: Authority) -> None:
        chosen: queue.Queue[str | None] = queue.Queue()

        def serve(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            chosen.put(connection.selected_alpn_protocol())
            received = b""
            while len(received) < len(HTTP2_PREFACE) + 6:
                received += connection.recv(100)
            connection.sendall(received[len(HTTP2_PREFACE) :])
            read_to_end(connection)

        pair = authority.issue("localhost")
        context = authority.serving_context(pair)
        context.set_alpn_protocols(["h2", "http/1.1"])
        variables = {**callers_tls(pair, alpn='["h2", "http/1.1"]'), **upstream_tls(ca=authority.ca)}
        with (
            RawUpstream(over_tls(context, serve)) as server,
            Sidecar(url(server), **variables) as sidecar,
            connect(sidecar, authority.trusting_context(alpn=("h2",))) as caller,
        ):
            caller.sendall(HTTP2_PREFACE + b"frames")
            assert caller.recv(100) == b"frames"
            assert chosen.get(timeout=PATIENCE_S) == "h2"

    def test_a_request_is_spoken_to_the_upstream_as_http1_even_if_it_knows_h2(
        self, authority: Authority
    ) -> None:
        chosen: queue.Queue[str | None] = queue.Queue()

        def serve(connection: socket.socket) -> None:
            assert isinstance(connection, ssl.SSLSocket)
            chosen.put(connection.selected_alpn_protocol())
            keep_answering()(connection)

        context = authority.serving_context(authority.issue("localhost"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            RawUpstream(over_tls(context, serve)) as server,
            Sidecar(url(server), **upstream_tls(ca=authority.ca)) as sidecar,
        ):
            assert split(sidecar.send(request("/")))[0] == 200
            assert chosen.get(timeout=PATIENCE_S) == "http/1.1"

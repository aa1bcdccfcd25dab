"""Callers over TLS, through a real sidecar."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sidecar.http1.preface import HTTP2_PREFACE
from tests.support.certificates import Authority, Pair, overwrite
from tests.support.raw_upstream import RawUpstream, read_head, read_to_end
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.tls_peers import ask, callers_tls, connect, der_of, refuses, shown_by, started
from tests.support.tls_peers import serving as serving_now
from tests.support.upstream import MEGABYTE, FakeUpstream

START = ["run", "--listen", "127.0.0.1:0", "--health", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
UPGRADE = ("Connection: Upgrade", "Upgrade: echo")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.issue("localhost")


@pytest.fixture
def serving(upstream: FakeUpstream, pair: Pair) -> Iterator[Sidecar]:
    """A sidecar that shows `pair` to its callers."""
    with Sidecar(f"http://127.0.0.1:{upstream.port}", **callers_tls(pair)) as sidecar:
        yield serving_now(sidecar)


class TestExchanges:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_request_is_answered_and_the_upstream_told_how_the_caller_came(
        self, serving: Sidecar, upstream: FakeUpstream, authority: Authority, version: ssl.TLSVersion
    ) -> None:
        context = authority.trusting_context()
        context.minimum_version = context.maximum_version = version
        with connect(serving, context) as caller:
            assert caller.version() == version.name.replace("_", ".")
            assert split(ask(caller, request("/echo", b"body")))[::2] == (200, b"body")
        assert upstream.requests[-1].lines("x-forwarded-proto") == [b"https"]

    def test_pipelined_requests_are_answered_in_order_and_the_end_is_said_in_tls(
        self, serving: Sidecar, authority: Authority
    ) -> None:
        """Python reports a connection that ends without TLS's own end as an error."""
        sent = b"".join(request("/echo", b"%d" % n, close=n == 4) for n in range(5))
        with connect(serving, authority.trusting_context()) as caller:
            answers = ask(caller, sent).split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert [split(b"HTTP/1.1 200 OK\r\n" + answer)[2] for answer in answers] == [
            b"0",
            b"1",
            b"2",
            b"3",
            b"4",
        ]

    def test_sixteen_megabytes_go_there_and_back_in_bounded_memory(
        self, serving: Sidecar, authority: Authority
    ) -> None:
        body = MEGABYTE * 16
        with connect(serving, authority.trusting_context()) as caller:
            caller.sendall(request("/echo", b"warm", close=False))
            assert caller.recv(65536).startswith(b"HTTP/1.1 200 ")
            before = serving.resident_bytes("worker 0")
            assert split(ask(caller, request("/echo", body)))[2] == body
            assert serving.resident_bytes("worker 0") - before < 8 << 20

    def test_an_answer_that_does_not_become_whole_is_no_end_of_a_body(
        self, serving: Sidecar, authority: Authority
    ) -> None:
        with (
            connect(serving, authority.trusting_context()) as caller,
            pytest.raises(OSError, match=r"reset|EOF"),
        ):
            ask(caller, request("/short"))

    def test_a_drain_answers_what_is_under_way(
        self, serving: Sidecar, upstream: FakeUpstream, authority: Authority
    ) -> None:
        upstream.released.clear()
        with connect(serving, authority.trusting_context()) as caller:
            caller.sendall(request("/held", b"x", close=False))
            eventually(lambda: upstream.requests)
            serving.child.terminate()
            eventually(lambda: serving.events("not_accepting"))
            upstream.released.set()
            assert split(read_to_end(caller))[0] == 200
        assert serving.child.wait(PATIENCE_S) == 0
        assert serving.events("drained")[0]["cut_off"] == 0


class TestTunnels:
    def test_an_upgrade_carries_bytes_both_ways(self, authority: Authority, pair: Pair) -> None:
        def echo(connection: socket.socket) -> None:
            _, rest = read_head(connection)
            connection.sendall(SWITCHED + rest)
            while data := connection.recv(65536):
                connection.sendall(data)

        with (
            RawUpstream(echo) as server,
            Sidecar(f"http://127.0.0.1:{server.port}", **callers_tls(pair)) as sidecar,
            connect(sidecar, authority.trusting_context()) as caller,
        ):
            caller.sendall(request("/ws", None, *UPGRADE, close=False))
            head, _ = read_head(caller)
            assert head.startswith(b"HTTP/1.1 101 ")
            caller.sendall(b"\x00\xff")
            assert caller.recv(100) == b"\x00\xff"

    def test_a_caller_that_chooses_h2_gets_a_tunnel(self, authority: Authority, pair: Pair) -> None:
        def serve(connection: socket.socket) -> None:
            received = b""
            while len(received) < len(HTTP2_PREFACE) + 6:
                received += connection.recv(100)
            connection.sendall(received[len(HTTP2_PREFACE) :])

        with (
            RawUpstream(serve) as server,
            Sidecar(
                f"http://127.0.0.1:{server.port}", **callers_tls(pair, alpn='["h2", "http/1.1"]')
            ) as sidecar,
            connect(sidecar, authority.trusting_context(alpn=("h2", "http/1.1"))) as caller,
        ):
            assert caller.selected_alpn_protocol() == "h2"
            assert ask(caller, HTTP2_PREFACE + b"frames") == b"frames"

    def test_h2_is_not_offered_unless_asked_for(self, serving: Sidecar, authority: Authority) -> None:
        with connect(serving, authority.trusting_context(alpn=("h2", "http/1.1"))) as caller:
            assert caller.selected_alpn_protocol() == "http/1.1"


class TestRefused:
    def test_callers_must_show_a_certificate_of_the_authority_when_one_is_named(
        self, upstream: FakeUpstream, authority: Authority, pair: Pair, tmp_path: Path
    ) -> None:
        variables = callers_tls(pair, client_ca=authority.ca)
        stranger = Authority(tmp_path, "stranger").issue("caller.internal")
        asked = request("/echo", b"x")
        with Sidecar(f"http://127.0.0.1:{upstream.port}", **variables) as sidecar:
            assert refuses(sidecar, authority.trusting_context(), asked)
            assert refuses(sidecar, authority.trusting_context(stranger), asked)
            assert upstream.requests == []
            with connect(sidecar, authority.trusting_context(authority.issue("caller.internal"))) as caller:
                assert split(ask(caller, asked))[2] == b"x"

    def test_plain_http_is_no_exchange_and_hurts_nobody(
        self, serving: Sidecar, upstream: FakeUpstream, authority: Authority
    ) -> None:
        assert b"HTTP/1.1 2" not in serving.send(request("/echo", b"x"))
        with connect(serving, authority.trusting_context()) as caller:
            assert split(ask(caller, request("/echo", b"y")))[2] == b"y"
        assert [seen.body for seen in upstream.requests] == [b"y"]
        assert serving.monitored().settled(1)["seen"] == 1

    @pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01\x00"], ids=["silent", "half a hello"])
    def test_a_handshake_that_takes_too_long_is_ended(
        self, upstream: FakeUpstream, pair: Pair, said: bytes
    ) -> None:
        variables = {"SIDECAR_TIMEOUTS__HEAD_S": "0.5", **callers_tls(pair)}
        with (
            Sidecar(f"http://127.0.0.1:{upstream.port}", **variables) as sidecar,
            sidecar.connect() as caller,
        ):
            serving_now(sidecar)
            caller.sendall(said)
            with contextlib.suppress(ConnectionResetError):  # an end as well
                assert read_to_end(caller) == b""


class TestRenewal:
    def test_new_connections_see_a_new_certificate_and_an_old_one_lives_on(
        self, serving: Sidecar, authority: Authority, pair: Pair
    ) -> None:
        context, other = authority.trusting_context(), authority.issue("localhost")
        before, after = der_of(pair), der_of(other)
        with connect(serving, context) as old:
            assert shown_by(old) == before
            pair.replace_with(other)
            assert eventually(lambda: serving.events("certificate_reloaded"))[0]["side"] == "downstream"
            with connect(serving, context) as new:
                assert shown_by(new) == after
                assert split(ask(new, request("/echo", b"new")))[2] == b"new"
            assert split(ask(old, request("/echo", b"old")))[2] == b"old"

    def test_a_broken_one_is_told_and_the_old_one_stays_until_it_is_whole(
        self, serving: Sidecar, authority: Authority, pair: Pair
    ) -> None:
        context, other = authority.trusting_context(), authority.issue("localhost")
        before, after = der_of(pair), der_of(other)
        overwrite(pair.certificate, other.certificate)  # its key is late
        [line] = eventually(lambda: serving.events("certificate_ignored"))
        assert line["side"] == "downstream"
        assert line["reason"].startswith("tls.key: expected the key of the certificate in ")
        with connect(serving, context) as caller:
            assert shown_by(caller) == before
            assert split(ask(caller, request("/echo", b"x")))[2] == b"x"
        overwrite(pair.key, other.key)
        eventually(lambda: serving.events("certificate_reloaded"))
        with connect(serving, context) as caller:
            assert shown_by(caller) == after

    def test_under_load_no_request_fails_while_certificates_change(
        self, serving: Sidecar, authority: Authority, pair: Pair
    ) -> None:
        context, answers, stop = authority.trusting_context(), [], threading.Event()

        def call() -> None:
            while not stop.is_set():
                with connect(serving, context) as caller:
                    answers.append(split(ask(caller, request("/echo", b"x")))[::2])

        thread = threading.Thread(target=call)
        thread.start()
        try:
            for generation in (1, 2):
                pair.replace_with(authority.issue("localhost"))
                eventually(lambda n=generation: len(serving.events("certificate_reloaded")) >= n)
                enough = len(answers) + 10
                eventually(lambda enough=enough: len(answers) > enough)
        finally:
            stop.set()
            thread.join()
        assert set(answers) == {(200, b"x")}


def without_certificate(folder: Path, _: Pair) -> tuple[str, str, str]:
    missing = str(folder / "none.pem")
    return missing, missing, f"tls.certificate: expected a readable file {missing}, got no such file"


def with_another_key(folder: Path, pair: Pair) -> tuple[str, str, str]:
    other = Authority(folder, "other").issue("localhost")
    reason = f"tls.key: expected the key of the certificate in {pair.certificate}, got another key"
    return pair.certificate, other.key, reason


def with_two_keys(_: Path, pair: Pair) -> tuple[str, str, str]:
    return pair.key, pair.key, f"tls.certificate: expected a PEM certificate chain in {pair.key}, got "


@pytest.mark.parametrize("wrong", [without_certificate, with_another_key, with_two_keys])
def test_files_of_no_use_are_an_error_at_the_start(
    authority: Authority, tmp_path: Path, wrong: Callable[[Path, Pair], tuple[str, str, str]]
) -> None:
    certificate, key, reason = wrong(tmp_path, authority.issue("localhost"))
    code, said = started(START, callers_tls(Pair(certificate, key)))
    assert (code, reason in said, said.count("\n")) == (2, True, 1), said


def test_an_upstreams_authority_that_is_none_is_an_error_at_the_start(authority: Authority) -> None:
    key = authority.issue("localhost").key
    command = [*START, "--upstream", "https://localhost:1"]
    code, said = started(command, {"SIDECAR_UPSTREAM_TLS__CA": key})
    assert (code, f"upstream_tls.ca: expected PEM certificates in {key}" in said) == (2, True), said

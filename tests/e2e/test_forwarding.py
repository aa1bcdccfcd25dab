"""What a caller and a model server see of each other through the sidecar: everything, and nothing else."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator

import pytest

from tests.support.listening import free_port
from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.upstream import ANSWER, MEGABYTE, FakeUpstream


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def sidecar(upstream: FakeUpstream) -> Iterator[Sidecar]:
    settings = {
        "SIDECAR_LIMITS__HEAD_BYTES": "8192",
        "SIDECAR_LIMITS__BODY_BYTES": "4000000",
        "SIDECAR_TIMEOUTS__FIRST_BYTE_S": "600",
        "SIDECAR_TIMEOUTS__HALF_CLOSE_S": "0",  # who ends his side has gone, however soon
    }
    with Sidecar(upstream.url, **settings) as running:
        yield running


@pytest.fixture(scope="module")
def impatient(upstream: FakeUpstream) -> Iterator[Sidecar]:
    timeouts = {f"SIDECAR_TIMEOUTS__{name}_S": "1" for name in ("FIRST_BYTE", "HEAD", "BODY_IDLE")}
    with Sidecar(upstream.url, **timeouts) as running:
        yield running


def problem(answer: bytes) -> tuple[int, str, str]:
    status, lines, body = split(answer)
    assert b"content-type: application/problem+json" in lines
    assert b"server: sidecar" in lines
    document = json.loads(body)
    assert document["status"] == status
    return status, document["side"], document["detail"]


class TestRequests:
    def test_a_body_of_known_length_arrives_as_it_was(self, sidecar: Sidecar, upstream: FakeUpstream) -> None:
        assert split(sidecar.send(request("/echo", b"\x00\xff body")))[2] == b"\x00\xff body"
        assert upstream.requests[-1].lines("content-length") == [b"7"]

    def test_a_body_in_many_packets(self, sidecar: Sidecar) -> None:
        whole = request("/echo", b"0123456789")
        assert split(sidecar.send(*(bytes((byte,)) for byte in whole)))[2] == b"0123456789"

    def test_a_chunked_body_is_chunked_again(self, sidecar: Sidecar, upstream: FakeUpstream) -> None:
        head = b"POST /echo HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        answer = sidecar.send(head, b"3\r\nab", b"c\r\n4;x=1\r\ndefg\r\n0\r\n\r\n")
        assert split(answer)[2] == b"abcdefg"
        assert upstream.requests[-1].lines("transfer-encoding") == [b"chunked"]

    def test_a_large_body_streams_both_ways(self, sidecar: Sidecar) -> None:
        assert split(sidecar.send(request("/echo", MEGABYTE * 3)))[2] == MEGABYTE * 3

    def test_requests_on_one_connection_use_one_upstream_connection(
        self, sidecar: Sidecar, upstream: FakeUpstream
    ) -> None:
        sidecar.send(request("/echo", b"1"))
        before = upstream.n_connections
        with sidecar.connect() as caller:
            for number in range(20):
                caller.sendall(request("/echo", b"%d" % number, close=False))
                received = b""
                while not received.endswith(b"\r\n\r\n%d" % number):
                    received += caller.recv(4096)
        assert upstream.n_connections <= before + 1

    def test_pipelined_requests_are_answered_in_order(self, sidecar: Sidecar) -> None:
        numbers = [b"%03d" % number for number in range(30)]
        *first, last = numbers
        wire = b"".join(request("/echo", number, close=False) for number in first) + request("/echo", last)
        assert re.findall(rb"\r\n\r\n(\d{3})", sidecar.send(wire)) == numbers

    def test_what_the_upstream_is_told_of_the_caller(self, sidecar: Sidecar, upstream: FakeUpstream) -> None:
        sidecar.send(request("/echo", b"1", "X-Forwarded-For: 10.1.2.3", "X-Twice: a", "x-twice: b"))
        seen = upstream.requests[-1]
        assert seen.lines("via") == [b"1.1 sidecar"]
        assert seen.lines("x-forwarded-for") == [b"10.1.2.3, 127.0.0.1"]
        assert (seen.lines("x-forwarded-proto"), seen.lines("x-forwarded-host")) == ([b"http"], [b"model"])
        assert (seen.lines("host"), seen.lines("x-twice")) == ([b"model"], [b"a", b"b"])
        assert not seen.lines("connection")

    def test_a_trace_goes_on_with_a_span_of_ours(self, sidecar: Sidecar, upstream: FakeUpstream) -> None:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        sidecar.send(request("/echo", b"1", f"traceparent: {parent}", "tracestate: a=b"))
        [child] = upstream.requests[-1].lines("traceparent")
        assert child.startswith(b"00-0af7651916cd43dd8448eb211c80319c-")
        assert child.endswith(b"-01")
        assert child != parent.encode()
        assert upstream.requests[-1].lines("tracestate") == [b"a=b"]

    def test_ids_are_made_once_for_an_exchange_and_told_to_both_sides(
        self, sidecar: Sidecar, upstream: FakeUpstream
    ) -> None:
        _, lines, _ = split(sidecar.send(request("/echo", b"1")))
        [made] = upstream.requests[-1].lines("x-request-id")
        assert b"x-request-id: " + made in lines
        _, lines, _ = split(sidecar.send(request("/echo", b"1", "X-Request-Id: mine")))
        assert b"x-request-id: mine" in lines

    def test_continue_is_forwarded(self, sidecar: Sidecar) -> None:
        head = (
            b"POST /echo HTTP/1.1\r\nHost: m\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert sidecar.send(head).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


class TestResponses:
    def test_chunks(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(request("/chunked"))
        assert b"transfer-encoding: chunked\r\n" in answer
        assert (
            re.sub(
                rb"[0-9a-f]+\r\n|\r\n",
                b"",
                split(answer)[2].replace(b"abc", b"ABC").replace(b"defg", b"DEFG"),
            )
            == b"ABCDEFG"
        )
        assert answer.endswith(b"0\r\n\r\n")

    def test_chunks_for_an_old_caller_end_with_the_connection(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(b"GET /chunked HTTP/1.0\r\n\r\n")
        assert (b"transfer-encoding" in answer.lower(), split(answer)[2]) == (False, b"abcdefg")

    def test_an_old_caller_may_keep_its_connection(self, sidecar: Sidecar) -> None:
        old = b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        answer = sidecar.send(old, old.replace(b"keep-alive", b"close"))
        assert (answer.count(b"HTTP/1.1 200"), answer.count(b"connection: keep-alive")) == (2, 1)

    def test_a_body_that_ends_with_the_connection_is_chunked(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(request("/until-close"))
        assert b"transfer-encoding: chunked" in answer
        assert b"until the end" in answer
        assert answer.endswith(b"0\r\n\r\n")

    @pytest.mark.parametrize(("path", "status"), [("/204", 204), ("/304", 304)])
    def test_answers_without_a_body(self, sidecar: Sidecar, path: str, status: int) -> None:
        answer = sidecar.send(request(path, close=False), request("/echo"))
        assert split(answer)[0] == status
        assert answer.count(b"HTTP/1.1 ") == 2

    def test_the_answer_to_head_has_a_length_and_no_body(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(
            request("/v2/models/m/infer", method="HEAD", close=False), request("/echo", method="HEAD")
        )
        assert answer.count(b"HTTP/1.1 200") == 2
        assert b"content-length: %d" % len(ANSWER) in answer

    def test_hop_by_hop_lines_stay_behind(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(request("/hop"))
        assert (b"X-Gone" in answer, b"Keep-Alive" in answer, b"X-Kept: 2" in answer) == (False, False, True)

    def test_an_id_of_the_servers_own_is_left(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(request("/own-id"))
        assert re.findall(rb"(?i)x-request-id: (\S+)", answer) == [b"theirs"]

    def test_interim_answers_come_first(self, sidecar: Sidecar) -> None:
        assert sidecar.send(request("/early-hints")).startswith(
            b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200"
        )

    def test_an_error_of_the_models_is_the_models(self, sidecar: Sidecar) -> None:
        status, lines, body = split(sidecar.send(request("/500")))
        assert (status, body) == (500, b'{"error":"it broke"}')
        assert b"server: sidecar" not in lines

    def test_a_slow_reader_gets_all_of_it(self, sidecar: Sidecar) -> None:
        with sidecar.connect() as caller:
            caller.sendall(request("/megabyte"))
            received = bytearray()
            while more := caller.recv(1000):
                received += more
        assert bytes(received).endswith(MEGABYTE)


class TestFaults:
    @pytest.mark.parametrize(
        ("path", "detail"),
        [
            ("/cut", "the upstream closed the connection before it answered"),
            (
                "/two-lengths",
                "the upstream broke HTTP: head: refused by the parser: Content-Length already present",
            ),
            (
                "/not-http",
                "the upstream broke HTTP: head: expected 'HTTP/1.1 code reason', got b'hello there'",
            ),
        ],
    )
    def test_a_server_that_breaks_off_is_a_502(self, sidecar: Sidecar, path: str, detail: str) -> None:
        status, side, said = problem(sidecar.send(request(path, b"x")))
        assert (status, side) == (502, "upstream")
        assert said.startswith(detail.split(" refused")[0])

    def test_an_answer_that_ends_early_is_cut_for_the_caller_too(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(request("/short"))
        assert b"content-length: 10" in answer
        assert not answer.endswith(b"\r\n\r\n")
        assert b"problem" not in answer

    def test_a_server_that_does_not_answer_is_a_504(self, impatient: Sidecar, upstream: FakeUpstream) -> None:
        upstream.released.clear()
        upstream.aborted.clear()
        assert problem(impatient.send(request("/held"))) == (
            504,
            "upstream",
            "the upstream did not answer in time",
        )
        assert upstream.aborted.wait(PATIENCE_S)

    def test_a_caller_that_goes_away_cancels_the_upstream(
        self, sidecar: Sidecar, upstream: FakeUpstream
    ) -> None:
        upstream.released.clear()
        upstream.aborted.clear()
        before = len(upstream.requests)
        with sidecar.connect() as caller:
            caller.sendall(request("/held", close=False))
            eventually(lambda: len(upstream.requests) > before)
        assert upstream.aborted.wait(PATIENCE_S)  # long before the time-out would cancel it

    def test_a_head_that_never_ends_is_a_408(self, impatient: Sidecar) -> None:
        assert problem(impatient.send(b"GET / HTTP/1.1\r\n"))[:2] == (408, "downstream")

    def test_a_body_that_never_ends_is_a_408(self, impatient: Sidecar) -> None:
        assert problem(impatient.send(request("/echo", b"12345")[:-1]))[:2] == (408, "downstream")

    @pytest.mark.parametrize(
        ("wire", "status"),
        [
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 9000, 431),
            (request("/echo")[:-2] + b"Content-Length: 4000001\r\n\r\n", 413),
            (
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: "
                b"chunked\r\n\r\n0\r\n\r\n",
                400,
            ),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
            (b"\x16\x03\x01\x02\x00", 400),
        ],
    )
    def test_what_is_not_plain_http_never_reaches_the_upstream(
        self, sidecar: Sidecar, upstream: FakeUpstream, wire: bytes, status: int
    ) -> None:
        before = len(upstream.requests)
        assert problem(sidecar.send(wire))[:2] == (status, "downstream")
        assert len(upstream.requests) == before

    def test_nothing_behind_a_refused_request_is_answered(self, sidecar: Sidecar) -> None:
        answer = sidecar.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + request("/echo"))
        assert answer.count(b"HTTP/1.1 ") == 1

    def test_many_callers_at_once(self, sidecar: Sidecar) -> None:
        answers: dict[int, bytes] = {}

        def call(number: int) -> None:
            answers[number] = split(sidecar.send(*(request("/echo", b"%d" % number) for _ in range(1))))[2]

        threads = [threading.Thread(target=call, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == {number: b"%d" % number for number in range(100)}


def test_an_upstream_that_is_not_there_is_a_502_and_unready() -> None:
    port = free_port()
    with Sidecar(f"http://127.0.0.1:{port}") as sidecar:
        assert problem(sidecar.send(request("/echo"))) == (
            502,
            "upstream",
            "cannot connect to the upstream: connection refused",
        )
        with pytest.raises(OSError, match="503"):
            sidecar.get("/readyz", sidecar.health)
        assert sidecar.get("/livez", sidecar.health) == {"status": "ok"}
        with FakeUpstream(port):
            eventually(lambda: sidecar.get("/readyz", sidecar.health) == {"status": "ok"})
            assert split(sidecar.send(request("/echo", b"now")))[2] == b"now"

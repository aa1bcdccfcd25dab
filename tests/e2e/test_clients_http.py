"""What Python's HTTP clients see of a server is the same through the sidecar: requests, urllib, http.client
and aiohttp, with bodies that stream both ways and connections that last."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import aiohttp
import pytest
import requests

from tests.support.origin import FILE, Origin, end_to_end, origin
from tests.support.running import PATIENCE_S, Sidecar
from tests.support.upstream import FakeUpstream, Request

N_CALLS = 60
# Lines that tell the server which hops there were; all others are the caller's own.
TOLD_BY_HOPS = {
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-request-id",
    "traceparent",
}
Ask = Callable[[str], object]

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture(scope="module")
def addresses(server: Origin) -> Iterator[tuple[str, str]]:
    with Sidecar(f"http://127.0.0.1:{server.port}") as sidecar:
        yield f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{sidecar.traffic}"


def pieces() -> Iterator[bytes]:
    for number in range(64):
        yield FILE[number * 16_384 : (number + 1) * 16_384]


def with_requests(address: str, method: str, path: str, **how: object) -> object:
    with requests.Session() as session:
        answer = session.request(method, address + path, timeout=PATIENCE_S, allow_redirects=False, **how)  # type: ignore[arg-type]
        return answer.status_code, answer.reason, end_to_end(answer.headers.items()), answer.content


def with_urllib(address: str, method: str, path: str, **how: object) -> object:
    request = urllib.request.Request(address + path, method=method, **how)  # type: ignore[arg-type]
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.reason, end_to_end(answer.getheaders()), answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.reason, end_to_end(exc.headers.items()), exc.read()


def with_aiohttp(address: str, method: str, path: str, **how: object) -> object:
    async def ask() -> object:
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(method, address + path, allow_redirects=False, **how) as answer,  # type: ignore[arg-type]
        ):
            return answer.status, answer.reason, end_to_end(answer.headers.items()), await answer.read()

    return asyncio.run(ask())


@pytest.mark.parametrize("client", [with_requests, with_urllib, with_aiohttp])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/echo?a=%2F&b"),
        ("HEAD", "/file"),
        ("GET", "/file"),
        ("GET", "/gzip"),
        ("GET", "/stream/2000"),
        ("OPTIONS", "/echo"),
        ("DELETE", "/echo"),
        ("GET", "/status/204"),
        ("GET", "/status/404"),
        ("GET", "/status/500"),
    ],
)
def test_an_answer_is_the_servers_own(
    addresses: tuple[str, str], client: Callable[..., object], method: str, path: str
) -> None:
    direct, through = (client(address, method, path) for address in addresses)
    assert through == direct


@pytest.mark.parametrize("client", [with_requests, with_urllib, with_aiohttp])
@pytest.mark.parametrize("body", [b"", b"x", FILE], ids=["nothing", "a byte", "a megabyte"])
def test_a_body_arrives_and_comes_back(
    addresses: tuple[str, str], client: Callable[..., object], body: bytes
) -> None:
    direct, through = (client(address, "POST", "/echo", data=body) for address in addresses)
    assert through == direct
    assert direct[3] == body  # type: ignore[index]


@pytest.mark.parametrize("client", [with_requests, with_aiohttp])
def test_a_body_of_unknown_length_arrives_in_chunks(
    addresses: tuple[str, str], client: Callable[..., object]
) -> None:
    async def slowly() -> object:
        for piece in pieces():
            yield piece
            await asyncio.sleep(0)

    made = slowly if client is with_aiohttp else pieces
    direct, through = (client(address, "POST", "/echo", data=made()) for address in addresses)  # type: ignore[operator]
    digest = hashlib.sha256(FILE).hexdigest()
    assert ("x-seen", f"POST /echo chunked {len(FILE)} {digest}") in direct[2]  # type: ignore[index]
    assert through == direct


def test_the_callers_lines_arrive_as_they_are(addresses: tuple[str, str]) -> None:
    def ask(address: str) -> list[list[str]]:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
        connection.putrequest("GET", "/lines", skip_host=True, skip_accept_encoding=True)
        for name, value in (
            ("Host", "model"),
            ("X-Twice", "a"),
            ("x-TWICE", "b"),
            ("Authorization", "Basic eA=="),
        ):
            connection.putheader(name, value)
        connection.endheaders()
        seen: list[list[str]] = json.loads(connection.getresponse().read())
        connection.close()
        return [line for line in seen if line[0].lower() not in TOLD_BY_HOPS]

    direct, through = (ask(address) for address in addresses)
    assert through == direct


def test_the_first_piece_of_an_answer_comes_before_the_last_is_sent(addresses: tuple[str, str]) -> None:
    for name, address in zip(("direct", "sidecar"), addresses, strict=True):
        with requests.get(f"{address}/held/{name}", stream=True, timeout=PATIENCE_S) as answer:
            lines = answer.iter_lines()
            assert next(lines) == b"first"
            assert requests.get(f"{address}/release/{name}", timeout=PATIENCE_S).text == "released"
            assert list(lines) == [b"last"]


def test_trailers_are_no_part_of_what_these_clients_read() -> None:
    def trailed(request: Request) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n"

    with FakeUpstream(answer=trailed) as upstream, Sidecar(f"http://127.0.0.1:{upstream.port}") as sidecar:
        for port in (upstream.port, sidecar.traffic):
            for client in (with_requests, with_urllib, with_aiohttp):
                assert client(f"http://127.0.0.1:{port}", "GET", "/")[3] == b"abc"  # type: ignore[index]
            with requests.Session() as session:  # and the connection is as good as before
                assert [session.get(f"http://127.0.0.1:{port}/").content for _ in range(3)] == [b"abc"] * 3


def test_an_answer_that_breaks_off_is_an_error_for_the_caller(addresses: tuple[str, str]) -> None:
    for address in addresses:
        with pytest.raises(
            requests.exceptions.ChunkedEncodingError, match="10 bytes read, 990 more expected"
        ):
            requests.get(f"{address}/cut", timeout=PATIENCE_S)


def test_one_connection_serves_many_requests(addresses: tuple[str, str]) -> None:
    for address in addresses:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=PATIENCE_S)
        connection.connect()
        port = connection.sock.getsockname()[1]
        for number in range(50):
            connection.request("POST", "/echo", b"%d" % number)
            assert connection.getresponse().read() == b"%d" % number
            assert connection.sock.getsockname()[1] == port
        connection.close()


def test_many_at_once_on_a_pool(addresses: tuple[str, str]) -> None:
    async def ask(address: str) -> list[bytes]:
        async def one(session: aiohttp.ClientSession, number: int) -> bytes:
            async with session.post(f"{address}/echo", data=b"%d " % number * 5000) as answer:
                return await answer.read()

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=10)) as session:
            return await asyncio.gather(*(one(session, number) for number in range(N_CALLS)))

    for address in addresses:
        assert asyncio.run(ask(address)) == [b"%d " % number * 5000 for number in range(N_CALLS)]

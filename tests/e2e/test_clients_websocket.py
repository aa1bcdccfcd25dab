"""A WebSocket caller sees the server and nothing of the sidecar: every test is made of both."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.support.listening import free_port
from tests.support.peers import PROGRAMS, serving
from tests.support.running import PATIENCE_S, Sidecar, eventually

MEGABYTE = bytes(range(256)) * 4096
N_SOCKETS = 100

pytestmark = [pytest.mark.slow]


@contextmanager
def websocket_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    def is_ready() -> bool:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
        return True

    with serving([sys.executable, PROGRAMS / "websocket_server.py", str(port)], folder, is_ready) as server:
        yield server


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    port = free_port()
    with (
        websocket_server(tmp_path_factory.mktemp("websocket"), port),
        Sidecar(f"http://127.0.0.1:{port}") as sidecar,
    ):
        yield {"direct": port, "sidecar": sidecar.traffic}


@pytest.fixture(params=["direct", "sidecar"])
def url(request: pytest.FixtureRequest, ports: dict[str, int]) -> str:
    return f"ws://127.0.0.1:{ports[request.param]}"


def seen_by_the_server(url: str) -> list[list[object]]:
    with connect(f"{url}/seen") as caller:
        found: list[list[object]] = json.loads(caller.recv(PATIENCE_S))
        return found


def closed(caller: ClientConnection) -> tuple[int | None, str | None]:
    """The code and reason with which the other side closes."""
    with pytest.raises(ConnectionClosed):
        caller.recv(PATIENCE_S)
    return caller.close_code, caller.close_reason


@pytest.mark.parametrize(
    "message",
    ["", "text", "\N{SNOWMAN} " * 50, b"", b"\x00\xff\r\n\r\n", MEGABYTE],
    ids=["empty text", "text", "snowmen", "empty bytes", "bytes", "a megabyte"],
)
@pytest.mark.parametrize("compression", [None, "deflate"])
def test_a_message_comes_back_as_it_went(url: str, message: str | bytes, compression: str | None) -> None:
    with connect(f"{url}/echo", compression=compression, max_size=None) as caller:
        caller.send(message)
        assert caller.recv(PATIENCE_S) == message


def test_messages_come_back_in_order(url: str) -> None:
    messages = [f"{number} " * (number % 50) for number in range(500)]
    with connect(f"{url}/echo") as caller:
        for message in messages:
            caller.send(message)
        assert [caller.recv(PATIENCE_S) for _ in messages] == messages


def test_a_message_in_fragments_is_one_message(url: str) -> None:
    with connect(f"{url}/echo", max_size=None) as caller:
        caller.send(iter([MEGABYTE, b"between", MEGABYTE]))
        assert caller.recv(PATIENCE_S) == MEGABYTE + b"between" + MEGABYTE


def test_compression_is_agreed_between_both_ends(url: str) -> None:
    with connect(f"{url}/echo") as caller:
        assert caller.response is not None
        assert "permessage-deflate" in caller.response.headers["sec-websocket-extensions"]
    with connect(f"{url}/echo", compression=None) as caller:
        assert caller.response is not None
        assert "sec-websocket-extensions" not in caller.response.headers


def test_pings_are_answered_by_the_other_end_both_ways(url: str) -> None:
    with connect(f"{url}/echo") as caller:
        assert caller.ping(b"12345").wait(PATIENCE_S)
    with connect(f"{url}/pings") as caller:
        assert caller.recv(PATIENCE_S) == "three pongs"


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1013, 3000, 4999])
def test_the_servers_close_code_reaches_the_caller(url: str, code: int) -> None:
    with connect(f"{url}/close/{code}") as caller:
        assert closed(caller) == (code, "as asked")


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_the_callers_close_code_reaches_the_server(url: str, code: int) -> None:
    before = len(seen_by_the_server(url))
    with connect(f"{url}/left") as caller:
        caller.close(code, "enough")
    eventually(lambda: len(seen_by_the_server(url)) > before)
    assert seen_by_the_server(url)[-1] == [code, "enough"]


def test_a_caller_that_vanishes_is_an_abnormal_closure_for_the_server(url: str) -> None:
    before = len(seen_by_the_server(url))
    with connect(f"{url}/left") as caller:
        caller.socket.shutdown(socket.SHUT_RDWR)
    eventually(lambda: len(seen_by_the_server(url)) > before)
    assert seen_by_the_server(url)[-1] == [1006, ""]


def test_the_first_protocol_of_the_caller_that_the_server_knows_is_spoken(url: str) -> None:
    with connect(f"{url}/echo", subprotocols=["v9.tokens", "v1.tokens", "v2.tokens"]) as caller:  # type: ignore[list-item]
        assert caller.subprotocol == "v1.tokens"
    with connect(f"{url}/echo") as caller:
        assert caller.subprotocol is None


def test_the_callers_lines_arrive(url: str) -> None:
    lines = {"Authorization": "Bearer t", "X-Team": "flowers", "Cookie": "a=b"}
    with connect(f"{url}/head", origin="http://model.example", additional_headers=lines) as caller:  # type: ignore[arg-type]
        seen = {name.lower(): value for name, value in json.loads(caller.recv(PATIENCE_S))}
        assert caller.request is not None
        sent = {name.lower(): value for name, value in caller.request.headers.raw_items()}
    assert seen["origin"] == "http://model.example"
    assert {name: seen.get(name) for name in sent} == {
        **sent,
        "connection": seen["connection"],
        "upgrade": seen["upgrade"],
    }
    assert (seen["connection"].lower(), seen["upgrade"].lower()) == ("upgrade", "websocket")


def test_a_refusal_is_the_servers_own(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{url}/refused")
    answer = refused.value.response
    assert (answer.status_code, answer.reason_phrase, answer.body) == (403, "Forbidden", b"not for you\n")
    assert answer.headers["x-reason"] == "policy"


def test_a_hundred_sockets_at_once(url: str) -> None:
    async def talk(number: int) -> list[str | bytes]:
        async with connect_async(f"{url}/echo") as caller:
            heard = []
            for turn in range(5):
                await caller.send(f"{number}.{turn}")
                heard.append(await caller.recv())
            return heard

    async def all_of_them() -> list[list[str | bytes]]:
        return await asyncio.gather(*(talk(number) for number in range(N_SOCKETS)))

    assert asyncio.run(all_of_them()) == [
        [f"{number}.{turn}" for turn in range(5)] for number in range(N_SOCKETS)
    ]


def test_a_reader_that_lags_gets_everything(url: str) -> None:
    messages = [bytes([number]) * 500_000 for number in range(40)]
    with connect(f"{url}/echo", compression=None, max_size=None) as sender:
        heard: list[str | bytes] = []
        for number, message in enumerate(messages):
            sender.send(message)
            if number >= 8:  # some megabytes lie between the two ends all the time
                heard.append(sender.recv(PATIENCE_S))
        heard += [sender.recv(PATIENCE_S) for _ in range(8)]
    assert heard == messages


@pytest.mark.parametrize("way", ["direct", "sidecar"])
def test_a_killed_server_is_an_abnormal_closure_and_its_successor_is_found(tmp_path: Path, way: str) -> None:
    port = free_port()
    with ExitStack() as stack:
        server = stack.enter_context(websocket_server(tmp_path, port))
        if way == "sidecar":
            traffic = stack.enter_context(Sidecar(f"http://127.0.0.1:{port}")).traffic
        else:
            traffic = port
        with connect(f"ws://127.0.0.1:{traffic}/echo") as caller:
            caller.send("hello")
            assert caller.recv(PATIENCE_S) == "hello"
            server.kill()
            assert closed(caller) == (1006, "")
        server.wait(PATIENCE_S)
        stack.enter_context(websocket_server(tmp_path, port))
        with connect(f"ws://127.0.0.1:{traffic}/echo") as caller:
            caller.send("again")
            assert caller.recv(PATIENCE_S) == "again"

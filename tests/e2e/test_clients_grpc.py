"""Every kind of gRPC call ends through the sidecar as it does at the server: every test is made of both."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.support.grpc_calls import (
    PATIENCE_S,
    conversing,
    failure,
    grpc_server,
    opened,
    pairs,
    seen,
    streamed,
    streaming,
    unary,
)
from tests.support.listening import free_port
from tests.support.running import Sidecar, eventually

MEGABYTE = 1 << 20
N_CHANNELS = 20

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with grpc_server(tmp_path_factory.mktemp("grpc"), port):
        yield port


@pytest.fixture(scope="module")
def ports(server_port: int) -> Iterator[dict[str, int]]:
    with Sidecar(f"http://127.0.0.1:{server_port}") as sidecar:
        yield {"direct": server_port, "sidecar": sidecar.traffic}


@pytest.fixture(params=["direct", "sidecar"])
def port(request: pytest.FixtureRequest, ports: dict[str, int]) -> int:
    return ports[request.param]


@pytest.fixture
def channel(port: int) -> Iterator[grpc.Channel]:
    with opened(port) as made:
        yield made


class TestUnary:
    @pytest.mark.parametrize("n_bytes", [0, 1, 16_383, 16_384, 65_535, 65_536, 4 * MEGABYTE])
    def test_a_message_of_any_size_comes_back(self, channel: grpc.Channel, n_bytes: int) -> None:
        message = bytes(range(251)) * (n_bytes // 251) + b"\0" * (n_bytes % 251)
        assert unary(channel, "Echo")(message, timeout=PATIENCE_S) == message

    def test_metadata_goes_both_ways_as_it_is(self, channel: grpc.Channel) -> None:
        sent = (
            ("x-team", "flowers"),
            ("x-team", "trees"),
            ("x-packed-bin", b"\x00\xff\r\n"),
            ("x-empty", ""),
        )
        answer, call = unary(channel, "Head").with_call(b"", metadata=sent, timeout=PATIENCE_S)
        arrived = [(name, value) for name, value in json.loads(answer) if name.startswith("x-")]
        assert arrived == [
            ("x-team", "flowers"),
            ("x-team", "trees"),
            ("x-packed-bin", "00ff0d0a"),
            ("x-empty", ""),
        ]
        assert pairs(call.initial_metadata()) == [
            ("x-first", "1"),
            ("x-first", "2"),
            ("x-packed-bin", b"\x00\xff"),
        ]
        assert pairs(call.trailing_metadata()) == [("x-last", "3"), ("x-empty", "")]

    def test_a_status_arrives_with_its_details(self, channel: grpc.Channel) -> None:
        call = unary(channel, "Fail").future(b"", timeout=PATIENCE_S)
        error = call.exception()
        assert (error.code(), error.details()) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "größer als erwartet: 100 %\n(zwei Zeilen)",
        )
        assert pairs(call.initial_metadata()) == [("x-begun", "yes")]
        assert dict(pairs(call.trailing_metadata())) == {
            "grpc-status-details-bin": b"\x08\x09\x12\x03bad",
            "x-retry-after": "7",
        }

    def test_a_method_that_is_not_there(self, channel: grpc.Channel) -> None:
        assert failure(lambda: unary(channel, "None")(b"", timeout=PATIENCE_S)) == (
            grpc.StatusCode.UNIMPLEMENTED,
            "Method not found!",
        )

    @pytest.mark.parametrize("how", [grpc.Compression.Gzip, grpc.Compression.Deflate])
    def test_a_compressed_message(self, channel: grpc.Channel, how: grpc.Compression) -> None:
        message = b"compress me " * 100_000
        assert unary(channel, "Echo")(message, compression=how, timeout=PATIENCE_S) == message

    def test_many_channels_at_once(self, port: int) -> None:
        def ask(number: int) -> list[bytes]:
            with opened(port) as channel:
                call = unary(channel, "Echo")
                return [call(b"%d.%d" % (number, turn), timeout=PATIENCE_S) for turn in range(20)]

        with ThreadPoolExecutor(N_CHANNELS) as callers:
            assert list(callers.map(ask, range(N_CHANNELS))) == [
                [b"%d.%d" % (number, turn) for turn in range(20)] for number in range(N_CHANNELS)
            ]

    def test_many_calls_at_once_on_one_channel(self, channel: grpc.Channel) -> None:
        calls = [
            unary(channel, "Echo").future(b"%d" % number * 1000, timeout=PATIENCE_S) for number in range(200)
        ]
        assert [call.result() for call in calls] == [b"%d" % number * 1000 for number in range(200)]

    def test_the_asyncio_client(self, port: int) -> None:
        async def ask() -> list[bytes]:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                call = channel.unary_unary("/t.T/Echo")
                return await asyncio.gather(*(call(b"%d" % number) for number in range(100)))

        assert asyncio.run(ask()) == [b"%d" % number for number in range(100)]


class TestStreams:
    def test_a_stream_of_answers(self, channel: grpc.Channel) -> None:
        call = streamed(channel, "Count")(b"20", timeout=PATIENCE_S)
        assert [(len(message), message[:4]) for message in call] == [
            (MEGABYTE, number.to_bytes(4, "big")) for number in range(20)
        ]
        assert call.code() == grpc.StatusCode.OK

    def test_a_stream_of_questions(self, channel: grpc.Channel) -> None:
        answer = streaming(channel, "Sum")(iter([b"x" * MEGABYTE] * 20), timeout=PATIENCE_S)
        assert json.loads(answer) == [20, 20 * MEGABYTE]

    def test_an_answer_comes_before_the_next_question(self, channel: grpc.Channel) -> None:
        questions: queue.Queue[bytes | None] = queue.Queue()
        call = conversing(channel, "Talk")(iter(questions.get, None), timeout=PATIENCE_S)
        assert pairs(call.initial_metadata()) == [("x-begun", "yes")]
        for number in range(50):
            questions.put(b"%d" % number)
            assert next(call) == b"%d" % number
        questions.put(None)
        assert list(call) == []
        assert (call.code(), pairs(call.trailing_metadata())) == (grpc.StatusCode.OK, [("x-ended", "yes")])

    def test_large_messages_both_ways_at_once(self, channel: grpc.Channel) -> None:
        messages = [bytes([number]) * MEGABYTE for number in range(40)]
        assert list(conversing(channel, "Talk")(iter(messages), timeout=PATIENCE_S)) == messages

    def test_a_reader_that_lags_holds_the_server_back_and_gets_everything(
        self, channel: grpc.Channel, server_port: int
    ) -> None:
        call = streamed(channel, "Count")(b"120", timeout=2 * PATIENCE_S)
        first = next(call)
        looks = [0]

        def at_rest() -> int:
            looks.append(seen(server_port)["megabytes"])
            return len(looks) > 25 and len(set(looks[-25:])) == 1 and looks[-1]

        assert eventually(at_rest) < 60
        assert [message[:4] for message in (first, *call)] == [
            number.to_bytes(4, "big") for number in range(120)
        ]


class TestEnds:
    def test_a_deadline_is_known_to_the_server_and_kept(
        self, channel: grpc.Channel, server_port: int
    ) -> None:
        before = seen(server_port)["cancelled"]
        status = failure(lambda: unary(channel, "Wait")(b"", timeout=2))
        assert status == (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        eventually(lambda: seen(server_port)["cancelled"] == before + 1)
        assert 0 < seen(server_port)["longest_ms"] <= 2000

    def test_a_cancelled_call_is_cancelled_at_the_server(
        self, channel: grpc.Channel, server_port: int
    ) -> None:
        before = seen(server_port)["cancelled"]
        call = unary(channel, "Wait").future(b"", timeout=PATIENCE_S)
        eventually(lambda: seen(server_port)["waiting"] == 1)
        call.cancel()
        eventually(lambda: seen(server_port)["cancelled"] == before + 1)
        assert unary(channel, "Echo")(b"still", timeout=PATIENCE_S) == b"still"

    def test_a_channel_that_closes_cancels_its_calls_at_the_server(self, port: int, server_port: int) -> None:
        before = seen(server_port)["cancelled"]
        with opened(port) as channel:
            calls = [unary(channel, "Wait").future(b"", timeout=PATIENCE_S) for _ in range(5)]
            eventually(lambda: seen(server_port)["waiting"] == 5)
        assert [call.code() for call in calls] == [grpc.StatusCode.CANCELLED] * 5
        eventually(lambda: seen(server_port)["cancelled"] == before + 5)

    def test_a_stream_that_its_caller_leaves_ends_at_the_server(
        self, channel: grpc.Channel, server_port: int
    ) -> None:
        call = streamed(channel, "Count")(b"100000", timeout=PATIENCE_S)
        next(call)
        call.cancel()
        assert unary(channel, "Echo")(b"still", timeout=PATIENCE_S) == b"still"
        looks = [0, 1]

        def at_rest() -> int:
            looks.append(seen(server_port)["megabytes"])
            return len(set(looks[-10:])) == 1 and looks[-1]

        assert eventually(at_rest) < 1000

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from sidecar import __version__
from sidecar.config.address import TcpUpstream, parse_upstream
from sidecar.config.traffic import HealthCheckConfig, LimitsConfig
from sidecar.errors import UpstreamError
from sidecar.upstream.connection import UpstreamConnection
from sidecar.upstream.health_check import HealthChecker, HealthState, health_request

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
BAD = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwait"


class TestState:
    @staticmethod
    def after(config: HealthCheckConfig, answers: str) -> list[bool]:
        """Whether it is ready after each answer, + for a good one and - for a bad one."""
        state = HealthState(config)
        states = []
        for answer in answers:
            before = state.ready
            assert state.note(answer == "+", "it broke") == (state.ready != before)
            states.append(state.ready)
        return states

    def test_it_is_not_ready_before_the_first_good_answer(self) -> None:
        assert not HealthState(HealthCheckConfig()).ready
        assert self.after(HealthCheckConfig(), "--+") == [False, False, True]

    def test_one_bad_answer_is_no_reason_to_leave_it(self) -> None:
        assert self.after(HealthCheckConfig(unhealthy=3), "+--+--") == [True] * 6

    def test_bad_answers_in_a_row_are(self) -> None:
        assert self.after(HealthCheckConfig(unhealthy=3), "+---") == [True, True, True, False]

    def test_it_comes_back_with_good_answers_in_a_row(self) -> None:
        states = self.after(HealthCheckConfig(healthy=2, unhealthy=1), "++-+-++")
        assert states == [False, True, False, False, False, False, True]

    def test_it_says_why(self) -> None:
        state = HealthState(HealthCheckConfig())
        assert state.reason == "the upstream has not been asked yet"
        state.note(False, "the upstream answered 503 to /ready")
        assert state.reason == "the upstream answered 503 to /ready"


def test_the_request_names_the_upstream_and_us() -> None:
    assert health_request("/v2/health/ready", parse_upstream("http://[::1]:8080")) == (
        b"GET /v2/health/ready HTTP/1.1\r\nhost: [::1]:8080\r\n"
        b"user-agent: sidecar-health/" + __version__.encode() + b"\r\naccept: */*\r\n\r\n"
    )


class ModelServer(asyncio.Protocol):
    """Answers each request with the next of some answers; None says nothing, b"" closes."""

    def __init__(self, answers: list[bytes | None], requests: list[bytes]) -> None:
        self._answers = answers
        self._requests = requests
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._requests.append(b"connect")

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    async def close(self) -> None:
        self._transport.abort()
        await self.lost.wait()

    def data_received(self, data: bytes) -> None:
        self._requests.append(data.split(b" HTTP/")[0])
        answer = self._answers.pop(0)
        if answer == b"":
            self._transport.close()
        elif answer is not None:
            self._transport.write(answer)


Test = Callable[[HealthChecker], Coroutine[Any, Any, None]]


def with_answers(test: Test, *answers: bytes | None, **settings: Any) -> list[bytes]:
    """Runs a test against a server that gives these answers; what the server saw."""
    requests: list[bytes] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        left = list(answers)
        ends: list[ModelServer] = []

        def new_end() -> ModelServer:
            ends.append(ModelServer(left, requests))
            return ends[-1]

        server = await loop.create_server(new_end, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def connect(new_connection: Callable[[], UpstreamConnection]) -> UpstreamConnection:
            return (await loop.create_connection(new_connection, "127.0.0.1", port))[1]

        await test(checker_of(connect, **settings))
        server.close()
        for end in ends:
            await end.close()
        await settled()

    asyncio.run(run())
    return requests


async def settled() -> None:
    """Lets our own end hear that the server's is gone, two turns of the loop later."""
    for _ in range(5):
        await asyncio.sleep(0)


def checker_of(
    connect: Callable[[Callable[[], UpstreamConnection]], Awaitable[UpstreamConnection]], **settings: Any
) -> HealthChecker:
    config = HealthCheckConfig(path="/ready", **settings)
    return HealthChecker("/ready", config, TcpUpstream("m", 80), LimitsConfig(), connect)


def judged_once(*answers: bytes | None, **settings: Any) -> tuple[bool, str]:
    """Readiness and reason after one check of a server that gives these answers."""
    found = []

    async def test(checker: HealthChecker) -> None:
        await checker.check()
        found.append((checker.state.ready, checker.state.reason))

    with_answers(test, *answers, **settings)
    return found[0]


class TestChecker:
    @pytest.mark.parametrize("status", [b"200 OK", b"204 No Content", b"299 Fine"])
    def test_2xx_is_ready(self, status: bytes) -> None:
        assert judged_once(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")[0]

    @pytest.mark.parametrize("status", [b"301 Moved", b"404 Not Found", b"503 Not Yet"])
    def test_anything_else_is_not(self, status: bytes) -> None:
        answer = b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n"
        assert judged_once(answer) == (False, f"the upstream answered {status[:3].decode()} to /ready")

    def test_an_interim_answer_is_not_the_answer(self) -> None:
        assert judged_once(b"HTTP/1.1 103 Early Hints\r\n\r\n" + GOOD)[0]

    def test_a_server_that_says_nothing_is_not_ready(self) -> None:
        assert judged_once(None, timeout_s=0.05) == (
            False,
            "the upstream did not answer /ready within 0.05 s",
        )

    def test_a_server_that_closes_is_not_ready(self) -> None:
        assert judged_once(b"") == (False, "the upstream closed the connection before it answered")

    def test_a_server_that_speaks_no_http_is_not_ready(self) -> None:
        ready, reason = judged_once(b"hello\r\n\r\n")
        assert (ready, reason.split(":")[0]) == (False, "the upstream broke HTTP")

    def test_a_body_without_end_is_no_reason_against_it(self) -> None:
        endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
        assert judged_once(endless, timeout_s=0.05)[0]

    def test_a_connection_that_cannot_be_made_is_bad_news(self) -> None:
        async def refuse(_: Callable[[], UpstreamConnection]) -> UpstreamConnection:
            raise UpstreamError(502, "cannot connect to the upstream: connection refused")

        checker = checker_of(refuse)
        asyncio.run(checker.check())
        assert checker.state.reason == "cannot connect to the upstream: connection refused"

    def test_the_connection_is_kept_between_two_checks(self) -> None:
        async def test(checker: HealthChecker) -> None:
            for _ in range(3):
                await checker.check()

        assert with_answers(test, GOOD, BAD, GOOD) == [b"connect", *[b"GET /ready"] * 3]

    def test_a_kept_connection_that_closes_when_it_is_used_is_replaced_within_the_check(self) -> None:
        async def test(checker: HealthChecker) -> None:
            await checker.check()
            await checker.check()
            assert checker.state.ready

        seen = with_answers(test, GOOD, b"", GOOD, unhealthy=1)
        assert seen == [b"connect", b"GET /ready", b"GET /ready", b"connect", b"GET /ready"]

    def test_a_late_answer_does_not_meet_the_next_check(self) -> None:
        async def test(checker: HealthChecker) -> None:
            await checker.check()
            await checker.check()
            assert checker.state.ready

        seen = with_answers(test, None, GOOD, timeout_s=0.5)
        assert seen == [b"connect", b"GET /ready"] * 2

    def test_it_runs_until_it_is_cancelled_and_tells_of_each_change(self) -> None:
        changes: list[bool] = []

        async def test(checker: HealthChecker) -> None:
            changed = asyncio.Event()

            def note(state: HealthState) -> None:
                changes.append(state.ready)
                if len(changes) == 3:
                    changed.set()

            checker._on_change = note
            running = asyncio.ensure_future(checker.run())
            async with asyncio.timeout(60.0):
                await changed.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        with_answers(test, BAD, GOOD, GOOD, BAD, GOOD, *[GOOD] * 100, interval_s=0.01, unhealthy=1)
        assert changes == [True, False, True]

    def test_cancelling_it_in_the_middle_of_a_check_ends_it(self) -> None:
        async def test(checker: HealthChecker) -> None:
            running = asyncio.ensure_future(checker.run())
            await asyncio.sleep(0.02)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        with_answers(test, None)

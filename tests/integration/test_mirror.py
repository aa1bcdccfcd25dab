"""The mirror's thread against real servers on loopback: good, slow, resetting, flooding, lying, absent."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sidecar.clock import SystemClock
from sidecar.config.model import Config
from sidecar.config.shadow import ShadowConfig
from sidecar.config.traffic import BreakerConfig
from sidecar.log import Log
from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job
from sidecar.mirror.thread import Mirror
from tests.support.listening import close, free_port, listen
from tests.support.running import PATIENCE_S, eventually
from tests.support.upstream import Request, read_request, with_length

PATH = "/v2/models/m/infer"
Serve = Callable[[socket.socket, Request], bool]


def v2(value: float) -> bytes:
    output = {"name": "y", "datatype": "FP64", "shape": [1], "data": [value]}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


def job(number: int, value: float = 1.0) -> Job:
    body = json.dumps({"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [value]}]}).encode()
    primary = Answer(200, {}, v2(value), 0.001)
    headers = {"content-type": "application/json", "authorization": "secret", "x-request-id": str(number)}
    return Job(number, number.to_bytes(8, "big"), "POST", PATH + "?a=%2F", PATH, headers, body, primary)


@contextmanager
def served(answer: Serve) -> Iterator[str]:
    """A server that answers each request as told; gives its URL."""

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                while (request := read_request(stream)) is not None and answer(connection, request):
                    pass
            except OSError:
                return

    listener = listen(serve)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        close(listener)


def honest(connection: socket.socket, request: Request) -> bool:
    value = json.loads(request.body)["inputs"][0]["data"][0]
    connection.sendall(with_length(v2(value)))
    return True


def lying(connection: socket.socket, _request: Request) -> bool:
    connection.sendall(with_length(v2(-1.0)))
    return True


def resetting(_connection: socket.socket, _request: Request) -> bool:
    return False


def nonsense(connection: socket.socket, _request: Request) -> bool:
    connection.sendall(b"\x00\x01 no HTTP at all\r\n\r\n")
    return False


def flooding(connection: socket.socket, _request: Request) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65_536)


def streaming(connection: socket.socket, _request: Request) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


def announcing(connection: socket.socket, _request: Request) -> bool:
    """Announces more than is read, and sends none of it before the other side has left."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    return connection.recv(1) != b""


def redirecting(connection: socket.socket, _request: Request) -> bool:
    connection.sendall(b"HTTP/1.1 307 R\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
    return True


@contextmanager
def mirroring(*configs: ShadowConfig, primary: str = "http://127.0.0.1:1") -> Iterator[Mirror]:
    mirror = Mirror(Config(upstream=primary, shadows=configs), SystemClock(), Log("monitor", "json"))
    mirror.start()
    try:
        yield mirror
    finally:
        assert mirror.stop(PATIENCE_S)


def offer(mirror: Mirror, taken: Job) -> None:
    """As the ring's reader does, in a batch of one."""
    mirror.offer(taken)
    mirror.flush()


def config(url: str, name: str = "candidate", **settings: object) -> ShadowConfig:
    return ShadowConfig(name=name, url=url, **{"most_per_s": 1e6, "concurrency": 64, **settings})


def settled(mirror: Mirror, ended: int) -> dict:
    """What is told of the first shadow once so many copies have ended and all of these are compared."""
    shadow = mirror.shadows[0]
    compared = shadow.comparison
    eventually(lambda: shadow.ended.total() == compared.compared + compared.uncompared.total() == ended)
    assert mirror.n_faults == 0
    return shadow.to_json()


def test_a_shadow_gets_the_request_without_credentials_and_its_answer_is_compared() -> None:
    seen: list[Request] = []

    def answer(connection: socket.socket, request: Request) -> bool:
        seen.append(request)
        return honest(connection, request)

    with served(answer) as url, mirroring(config(url + "/base")) as mirror:
        offer(mirror, job(7, 3.0))
        found = settled(mirror, 1)
    assert (found["compared"], found["disagreement"]["rate"]) == (1, 0.0)
    (request,) = seen
    assert request.path == f"/base{PATH}?a=%2F"
    assert request.lines("x-shadow") == [b"candidate"]
    assert request.lines("x-request-id") == [b"7"]
    assert request.lines("tracestate") == [b"sidecar=primary:0000000000000007"]
    assert request.lines("authorization") == []
    assert json.loads(request.body)["inputs"][0]["data"] == [3.0]


def test_a_lying_shadow_disagrees() -> None:
    with served(lying) as url, mirroring(config(url)) as mirror:
        for number in range(20):
            offer(mirror, job(number, 1.0 + number))
        assert settled(mirror, 20)["disagreement"]["rate"] == 1.0


@pytest.mark.parametrize(
    ("serve", "ended"),
    [
        (resetting, "broken"),
        (nonsense, "broken"),
        (flooding, "too_long"),
        (streaming, "too_long"),
        (announcing, "too_long"),
    ],
    ids=["reset", "nonsense", "flood", "flood without an end", "announced flood"],
)
def test_whatever_a_shadow_does_is_counted(serve: Serve, ended: str) -> None:
    with served(serve) as url, mirroring(config(url, answer_bytes=100_000, timeout_s=PATIENCE_S)) as mirror:
        offer(mirror, job(1))
        found = settled(mirror, 1)
    assert found["ended"] == {ended: 1}
    assert found["errors"] == {"primary": 0, "shadow": 1}


def test_a_shadow_that_floods_is_asked_again_when_its_answers_are_worked_off() -> None:
    settings = {"answer_bytes": 100_000, "answer_bytes_per_s": 1000, "breaker": BreakerConfig(failures=0)}
    with served(streaming) as url, mirroring(config(url, **settings)) as mirror:
        offer(mirror, job(1))
        settled(mirror, 1)
        offer(mirror, job(2))
        assert mirror.shadows[0].skipped == {"answer_bytes": 1}


def test_a_connection_is_used_again_for_as_long_as_the_shadow_keeps_it() -> None:
    seen: list[socket.socket] = []

    def closing_each_second_time(connection: socket.socket, request: Request) -> bool:
        seen.append(connection)
        honest(connection, request)
        return len(seen) % 2 == 1

    with served(closing_each_second_time) as url, mirroring(config(url)) as mirror:
        for number in range(1, 7):
            offer(mirror, job(number))
            eventually(lambda: mirror.shadows[0].ended.total() == number)  # noqa: B023 - within its turn
            if number % 2 == 0:
                eventually(lambda: seen[-1].fileno() == -1)
        assert mirror.shadows[0].ended == {"answered": 6}
    assert [seen[place] is seen[place + 1] for place in range(5)] == [True, False, True, False, True]


def test_what_was_offered_and_not_begun_ends_with_the_mirror() -> None:
    with served(honest) as url, mirroring(config(url)) as mirror:
        mirror.offer(job(1))
    shadow = mirror.shadows[0]
    assert (shadow.in_flight, shadow.ended.total()) == (0, 1)


def test_a_copy_that_cannot_be_made_ends_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_given: object, **_more: object) -> None:
        raise RuntimeError("no copy")

    monkeypatch.setattr("sidecar.mirror.thread.copy_of", fail)
    with served(honest) as url, mirroring(config(url)) as mirror:
        offer(mirror, job(1))
        eventually(lambda: (mirror.n_faults, mirror.shadows[0].ended) == (1, {"given_up": 1}))
        assert mirror.shadows[0].in_flight == 0


def test_a_shadow_that_is_not_there() -> None:
    with mirroring(config(f"http://127.0.0.1:{free_port()}")) as mirror:
        offer(mirror, job(1))
        assert settled(mirror, 1)["ended"] == {"connect": 1}


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with served(redirecting) as url, mirroring(config(url)) as mirror:
        offer(mirror, job(1))
        found = settled(mirror, 1)
    assert found["statuses"] == [{"primary": 200, "shadow": 307, "count": 1}]
    assert found["compared"] == 0


def test_a_shadow_that_hangs_holds_no_more_than_its_budget_and_disturbs_no_other() -> None:
    hold = threading.Event()

    def hanging(_connection: socket.socket, _request: Request) -> bool:
        hold.wait(PATIENCE_S)
        return False

    with served(hanging) as stuck, served(honest) as good:
        configs = config(stuck, "stuck", concurrency=2, timeout_s=3.0), config(good, "good")
        with mirroring(*configs) as mirror:
            for number in range(50):
                offer(mirror, job(number))
            eventually(lambda: mirror.shadows[1].ended["answered"] == 50)
            assert mirror.shadows[0].skipped["busy"] == 48
            assert settled(mirror, 2)["ended"] == {"timeout": 2}
        hold.set()


def test_the_primary_is_asked_again_to_learn_its_own_noise() -> None:
    with (
        served(lying) as primary,
        served(honest) as url,
        mirroring(config(url, noise_ratio=1.0), primary=primary) as mirror,
    ):
        offer(mirror, job(1, 5.0))
        eventually(lambda: mirror.shadows[0].to_json()["disagreement"]["noise_pairs"] == 1)
        found = settled(mirror, 1)
    assert (found["disagreement"]["rate"], found["disagreement"]["noise"]) == (0.0, 1.0)


def test_stopping_gives_up_what_is_on_its_way() -> None:
    hold = threading.Event()

    def hanging(_connection: socket.socket, _request: Request) -> bool:
        hold.wait(PATIENCE_S)
        return False

    with served(hanging) as url:
        with mirroring(config(url, timeout_s=60.0)) as mirror:
            offer(mirror, job(1))
            eventually(lambda: mirror.shadows[0].in_flight == 1)
        assert mirror.shadows[0].in_flight == 0
        hold.set()


def test_what_is_offered_while_the_mirror_does_not_run_is_skipped() -> None:
    mirror = Mirror(Config(shadows=(config("http://127.0.0.1:1"),)), SystemClock(), Log("monitor", "json"))
    offer(mirror, job(1))
    mirror.start()
    assert mirror.stop(PATIENCE_S)
    offer(mirror, job(2))
    found = mirror.shadows[0].to_json()
    assert (found["skipped"], found["mirrored"]) == ({"stopped": 2}, 0)


def test_every_job_that_was_taken_is_ended_though_the_mirror_stops_at_once() -> None:
    with served(honest) as url:
        for _ in range(10):
            with mirroring(config(url, noise_ratio=1.0), primary=url) as mirror:
                for number in range(20):
                    offer(mirror, job(number))
            found = mirror.shadows[0].to_json()
            assert (found["in_flight"], sum(found["ended"].values())) == (0, 20)
            assert sum(found["asked_again"].values()) == 20
            assert found["ended"].keys() <= {"answered", "given_up"}
            assert found["errors"] == {"primary": 0, "shadow": 0}

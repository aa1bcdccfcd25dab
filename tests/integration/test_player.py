"""Recorded requests sent to real servers on loopback: the pace, the order, what is left out."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterable

import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.recorded import compared_of, exchange_of
from sidecar.recording.records import Exchange, Record
from sidecar.replay.outcome import Outcome
from sidecar.replay.player import CandidateGone, Player, asked_again
from tests.integration.test_mirror import honest, job, lying, served
from tests.support.running import PATIENCE_S
from tests.support.upstream import Request

GAP_NS = 50_000_000


def exchange(number: int, *, sequence: int | None = None, body: bytes | None = None) -> Exchange:
    record = exchange_of(job(number, float(number)))
    if body is None:
        document = json.loads(record.body)
        if sequence is not None:
            document["parameters"] = {"sequence_id": sequence}
        body = json.dumps(document).encode()
    return Exchange(
        record.number,
        10**18 + number * GAP_NS,
        record.span_id,
        record.method,
        record.target,
        record.headers,
        body,
        record.primary,
    )


def play(url: str, recording: Iterable[Record], speed: float | None = None, **settings: object) -> Outcome:
    records = list(recording)
    config = ShadowConfig(name="candidate", url=url, **settings)  # type: ignore[arg-type]
    outcome = Outcome(ShadowComparison(config, 1 << 20, judge_latency=False))

    async def run() -> None:
        await Player(config, outcome, asked_again(records), speed).play(records)

    asyncio.run(run())
    return outcome


def test_requests_keep_their_distance_divided_by_the_speed() -> None:
    times_s: list[float] = []

    def answer(connection: socket.socket, request: Request) -> bool:
        times_s.append(time.monotonic())
        return honest(connection, request)

    with served(answer) as url:
        begin_s = time.monotonic()
        outcome = play(url, [exchange(number) for number in range(11)], speed=2.0)
    assert outcome.ended == {"answered": 11}
    due_s = [begin_s + number * GAP_NS / 2e9 for number in range(11)]
    assert all(at >= due for at, due in zip(sorted(times_s), due_s, strict=True))


def test_no_more_are_on_their_way_than_allowed_and_of_a_sequence_one() -> None:
    lock, open_now, most, order = threading.Lock(), [0], [0], list[float]()
    gate = threading.Barrier(2)

    def answer(connection: socket.socket, request: Request) -> bool:
        with lock:
            open_now[0] += 1
            most[0] = max(most[0], open_now[0])
            order.append(json.loads(request.body)["inputs"][0]["data"][0])
        gate.wait(PATIENCE_S)  # two sequences: two at once, never more
        with lock:
            open_now[0] -= 1
        return honest(connection, request)

    with served(answer) as url:
        recording = [exchange(number, sequence=number % 2) for number in range(10)]
        outcome = play(url, recording, concurrency=8, by="sequence")
    assert outcome.ended == {"answered": 10}
    assert most[0] == 2
    assert [value for value in order if value % 2] == [1.0, 3.0, 5.0, 7.0, 9.0]
    assert [value for value in order if not value % 2] == [0.0, 2.0, 4.0, 6.0, 8.0]


def test_answers_are_compared_in_the_order_of_the_recording() -> None:
    """The first answer comes last: the pairs that are kept as examples are the same all the same."""
    first = threading.Event()

    def late(connection: socket.socket, request: Request) -> bool:
        if json.loads(request.body)["inputs"][0]["data"][0] == 0.0:
            assert first.wait(PATIENCE_S)
        elif json.loads(request.body)["inputs"][0]["data"][0] == 5.0:
            first.set()
        return lying(connection, request)

    recording = [exchange(number) for number in range(20)]
    with served(late) as slow, served(lying) as quick:
        reports = [play(url, recording, concurrency=8).comparison.to_json() for url in (slow, quick)]
    assert reports[0] == reports[1]


def test_tensors_in_the_primarys_memory_are_left_out_and_counted() -> None:
    shared = exchange(2, body=b'{"inputs":[{"parameters":{"shared_memory_region":"r"}}]}')
    with served(honest) as url:
        outcome = play(url, [exchange(1), shared])
    assert (outcome.skipped, outcome.ended) == ({"shared_memory": 1}, {"answered": 1})


def test_the_recorded_second_answers_of_the_primary_are_the_noise_floor_once_each() -> None:
    recording: list[Record] = []
    for number in range(10):
        recording.append(exchange(number))
        given = job(number, float(number))
        recording += [compared_of(shadow, given, given.primary, True) for shadow in ("a", "b")]
    with served(honest) as url:
        found = play(url, recording).comparison.to_json()
    assert (found["disagreement"]["noise"], found["disagreement"]["noise_pairs"]) == (0.0, 10)


def test_nobody_at_the_candidates_url_ends_it_early() -> None:
    recording = [exchange(number) for number in range(1000)]
    with pytest.raises(CandidateGone, match="20 requests could not connect"):
        play("http://127.0.0.1:1", recording)

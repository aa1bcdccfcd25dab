"""Two hours of traffic, in virtual time, beside a dead, a slow and a lying shadow: what they hold stays what
it was, and every exchange is accounted for."""

from __future__ import annotations

import gc
import heapq
import itertools
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job
from sidecar.mirror.shadow import Shadow

PATH = "/v2/models/m/infer"
PER_S = 1.0
HOURS = 2.0
N_JOBS = int(HOURS * 3600 * PER_S)
QUARTER = N_JOBS // 8  # jobs in a quarter of an hour
REVIVED_S = (3600.0, 4200.0)  # when the dead shadow is up after all
SLOW_S, SLOW_AT_ONCE = 8.0, 4
TIMEOUT_S = 10.0
FAILURES, LONGEST_PAUSE_S = 10, 10.0  # of the breaker, by default
FLAT_BYTES = 50_000  # over an hour and a half; a word kept of every lie would be more
# What the decoder knows of layouts has a bound of its own (payload.v2.PLAN_COLUMNS), far beyond two hours.
LAYOUTS = [tracemalloc.Filter(False, f"*/{file}") for file in ("sidecar/payload/*", "weakref.py")]


def v2(name: str, value: Any) -> bytes:
    kind = "BYTES" if isinstance(value, str) else "FP64"
    output = {"name": name, "datatype": kind, "shape": [1], "data": [value]}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


def job(number: int, rng: np.random.Generator) -> Job:
    rows = {"name": "x", "datatype": "FP64", "shape": [1, 4], "data": rng.random(4).tolist()}
    body = json.dumps({"inputs": [rows]}).encode()
    primary = Answer(200, {}, v2("y", f"class {number % 3}"), 0.02)
    return Job(number, number.to_bytes(8, "big"), "POST", PATH, PATH, {}, body, primary)


# What comes of a copy, and after how many seconds.
Manner = Callable[[Job, float], tuple[float, Answer]]


def dead(job: Job, now_s: float) -> tuple[float, Answer]:
    if REVIVED_S[0] <= now_s < REVIVED_S[1]:
        return 0.02, Answer(200, {}, job.primary.body, 0.02)
    return 0.001, Answer(0, latency_s=0.001, failure="connect")


def slow(job: Job, _now_s: float) -> tuple[float, Answer]:
    return SLOW_S, Answer(200, {}, job.primary.body, SLOW_S)


def lying(job: Job, _now_s: float) -> tuple[float, Answer]:
    """Lies in a way that it has not lied before: labels, outputs, forms and statuses, new each time."""
    lies = (
        Answer(200, {}, v2("y", f"lie {job.number}"), 0.02),
        Answer(200, {}, v2(f"y{job.number}", 1.0), 0.02),
        Answer(200, {}, json.dumps({f"a{job.number}": {f"b{job.number}": [job.number]}}).encode(), 0.02),
        Answer(100 + job.number % 900, {}, b"{" * 500, 0.02),
    )
    return 0.02, lies[job.number % len(lies)]


MANNERS: dict[str, Manner] = {"dead": dead, "slow": slow, "lying": lying}


@dataclass(slots=True)
class Told:
    """What one shadow said of itself over the two hours.

    Attributes:
        entry: at the end, when all that was on its way had ended.
        offered: exchanges, at every look, beside mirrored and skipped ones at that moment.
        most_in_flight: jobs on their way at once.
        taken_s: when each copy was sent.
        held_bytes: memory at the end of each quarter of an hour, of everything in this run.
    """

    entry: dict[str, Any] = field(default_factory=dict)
    offered: list[tuple[int, int]] = field(default_factory=list)
    most_in_flight: int = 0
    taken_s: list[float] = field(default_factory=list)
    held_bytes: list[int] = field(default_factory=list)


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def traced_bytes() -> int:
    """Memory taken since the tracing began, but for the decoder's layouts."""
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(LAYOUTS)
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def two_hours(manner: str) -> Told:
    """Offers jobs as the mirror's `offer` does, and ends each when its time has come."""
    config = ShadowConfig(
        name=manner, url="http://127.0.0.1:1", timeout_s=TIMEOUT_S, concurrency=SLOW_AT_ONCE
    )
    shadow = Shadow(config, 1 << 20, 0.0)
    told, rng, turns = Told(), np.random.default_rng(6), itertools.count()
    under_way: list[tuple[float, int, Job, Answer]] = []

    def end_until(now_s: float) -> None:
        while under_way and under_way[0][0] <= now_s:
            end_s, _, ended, answer = heapq.heappop(under_way)
            shadow.end(ended, answer, end_s)

    taken = np.zeros(N_JOBS, dtype=bool)  # of one size from the start, as what is measured is growth
    with traced():
        for number in range(N_JOBS):
            now_s = number / PER_S
            end_until(now_s)
            copy = job(number, rng)
            if shadow.take(copy, now_s):
                after_s, answer = MANNERS[manner](copy, now_s)
                heapq.heappush(under_way, (now_s + after_s, next(turns), copy, answer))
                taken[number] = True
            told.most_in_flight = max(told.most_in_flight, shadow.in_flight)
            if (number + 1) % QUARTER == 0:
                entry = shadow.to_json()
                told.offered.append((number + 1, entry["mirrored"] + sum(entry["skipped"].values())))
                del entry
                told.held_bytes.append(traced_bytes())
        end_until(float("inf"))
        told.entry = shadow.to_json()
    told.taken_s = (np.flatnonzero(taken) / PER_S).tolist()
    return told


@pytest.fixture(scope="module")
def runs() -> dict[str, Told]:
    return {manner: two_hours(manner) for manner in MANNERS}


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class TestEveryShadow:
    @pytest.mark.parametrize("manner", MANNERS)
    def test_accounts_for_every_exchange_whenever_it_is_asked(
        self, runs: dict[str, Told], manner: str
    ) -> None:
        told = runs[manner]
        assert [seen for seen, _ in told.offered] == [sum_ for _, sum_ in told.offered]
        entry = told.entry
        assert entry["in_flight"] == 0
        assert sum(entry["ended"].values()) + sum(entry["skipped"].values()) == N_JOBS

    @pytest.mark.parametrize("manner", MANNERS)
    def test_holds_at_the_end_what_it_held_after_half_an_hour(
        self, runs: dict[str, Told], manner: str
    ) -> None:
        held = runs[manner].held_bytes
        assert max(held[2:]) - held[1] <= FLAT_BYTES, held


class TestTheDeadShadow:
    def test_is_left_alone_but_for_a_probe_in_a_while(self, runs: dict[str, Told]) -> None:
        told = runs["dead"]
        assert told.entry["ended"].keys() == {"connect", "answered"}
        assert told.entry["skipped"].keys() == {"breaker_open"}
        pauses = np.diff([at_s for at_s in told.taken_s if FAILURES / PER_S <= at_s < REVIVED_S[0]])
        assert pauses.max() <= LONGEST_PAUSE_S + 1 / PER_S
        assert pauses[5:].min() >= LONGEST_PAUSE_S  # it has doubled up to the longest

    def test_is_used_again_as_soon_as_a_probe_finds_it_up_and_left_again_behind_that(
        self, runs: dict[str, Told]
    ) -> None:
        told = runs["dead"]
        again_s = min(at_s for at_s in told.taken_s if at_s >= REVIVED_S[0])
        assert again_s <= REVIVED_S[0] + LONGEST_PAUSE_S + 1 / PER_S
        left_s = REVIVED_S[1] + FAILURES / PER_S
        everything = np.arange(again_s, left_s, 1 / PER_S).tolist()
        assert [at_s for at_s in told.taken_s if again_s <= at_s < left_s] == everything
        assert told.entry["ended"]["answered"] == (REVIVED_S[1] - again_s) * PER_S
        left_alone = np.diff([at_s for at_s in told.taken_s if at_s >= left_s])
        assert left_alone[5:].min() >= LONGEST_PAUSE_S
        assert told.entry["breaker"] == "open"

    def test_has_agreed_whenever_it_answered(self, runs: dict[str, Told]) -> None:
        entry = runs["dead"].entry
        assert entry["compared"] == entry["ended"]["answered"]
        assert entry["disagreement"]["rate"] == 0.0
        assert entry["errors"] == {"primary": 0, "shadow": entry["ended"]["connect"]}


class TestTheSlowShadow:
    def test_gets_what_it_can_bear_and_no_more_at_once(self, runs: dict[str, Told]) -> None:
        told = runs["slow"]
        assert told.most_in_flight == SLOW_AT_ONCE
        assert told.entry["skipped"].keys() == {"busy"}
        bearable = HOURS * 3600 * SLOW_AT_ONCE / SLOW_S
        assert told.entry["ended"] == {"answered": pytest.approx(bearable, rel=0.01)}

    def test_is_worse_in_latency_alone(self, runs: dict[str, Told]) -> None:
        entry = runs["slow"].entry
        assert entry["breaker"] == "closed"
        states = {finding["name"]: finding["state"] for finding in entry["findings"]}
        assert (states["agreement"], states["latency_p50"]) == ("equivalent", "worse")
        assert entry["verdict"] == "worse"


class TestTheLyingShadow:
    def test_gets_every_exchange_and_every_lie_is_told(self, runs: dict[str, Told]) -> None:
        entry = runs["lying"].entry
        assert (entry["ended"], entry["skipped"]) == ({"answered": N_JOBS}, {})
        assert entry["breaker"] == "closed"
        good = Counter(200 <= 100 + number % 900 < 300 for number in range(3, N_JOBS, 4))[True]
        assert entry["compared"] == N_JOBS * 3 // 4 + good
        assert entry["disagreement"]["rate"] == 1.0
        assert entry["verdict"] == "worse"  # by its errors: nothing is known of the primary's own noise

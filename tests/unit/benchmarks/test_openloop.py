from __future__ import annotations

import math
import os
import select
import struct

import pytest

from benchmarks.openloop import SLICE_NS, OpenLoop, open_timer, percentile_us, typical_percentile_us
from benchmarks.payloads import PAYLOADS
from tests.support.upstream import FakeUpstream, with_length


def test_percentiles_are_values_that_were_seen() -> None:
    values = [1000 * n for n in range(1, 1001)]
    assert [percentile_us(values, p) for p in (50.0, 90.0, 99.0, 99.9)] == [500.0, 900.0, 990.0, 999.0]


@pytest.mark.parametrize("percent", [50.0, 99.9])
def test_percentile_of_one_value_is_that_value(percent: float) -> None:
    assert percentile_us([7000], percent) == 7.0


def test_percentile_of_nothing_is_nan() -> None:
    assert math.isnan(percentile_us([], 50.0))


def in_half_seconds(*latencies_us: list[int]) -> tuple[list[int], list[int]]:
    """What was due and how long it took (ns), a list a half second."""
    due, took = [], []
    for place, each in enumerate(latencies_us):
        due += [10**18 + place * SLICE_NS + n * 1000 for n in range(len(each))]
        took += [1000 * latency for latency in each]
    return due, took


class TestTypicalPercentile:
    def test_one_stall_moves_one_half_second_only(self) -> None:
        quiet = [100] * 99 + [200]
        due, took = in_half_seconds(quiet, [9000] * 100, quiet)
        assert percentile_us(sorted(took), 99.0) == 9000.0
        assert typical_percentile_us(due, took, 99.0) == 100.0

    def test_what_comes_in_most_half_seconds_counts(self) -> None:
        held_up = [100] * 98 + [900] * 2
        due, took = in_half_seconds(held_up, [100] * 100, held_up)
        assert typical_percentile_us(due, took, 99.0) == 900.0

    def test_half_a_half_second_at_the_end_does_not_count(self) -> None:
        due, took = in_half_seconds([100] * 100, [300] * 49)
        assert typical_percentile_us(due, took, 99.0) == 100.0

    def test_of_nothing_is_nan(self) -> None:
        assert math.isnan(typical_percentile_us([], [], 99.0))


def test_timer_counts_what_fell_due() -> None:
    timer = open_timer(100_000)
    try:
        assert select.select([timer], [], [], 5.0)[0] == [timer]
        assert struct.unpack("Q", os.read(timer, 8))[0] >= 1
    finally:
        os.close(timer)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (PAYLOADS["small"].answer, True),
        (PAYLOADS["small"].answer.replace(b"0.25", b"0.52"), False),
        (PAYLOADS["small"].answer[:-1], False),
    ],
)
def test_answers_are_compared_byte_for_byte(answer: bytes, right: bool) -> None:
    with FakeUpstream(answer=lambda _request: with_length(answer)) as upstream:
        loop = OpenLoop(upstream.port, PAYLOADS["small"], 200.0, 2)
        loop.run(0.1, 0.0)
        loop.close()
    n_sent = len(loop.latencies_ns)
    assert n_sent > 0
    assert loop.n_errors == (0 if right else n_sent)

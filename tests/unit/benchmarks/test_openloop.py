from __future__ import annotations

import math
import os
import select
import struct

import pytest

from benchmarks.openloop import open_timer, percentile_us


def test_percentiles_are_values_that_were_seen() -> None:
    values = [1000 * n for n in range(1, 1001)]
    assert [percentile_us(values, p) for p in (50.0, 90.0, 99.0, 99.9)] == [500.0, 900.0, 990.0, 999.0]


@pytest.mark.parametrize("percent", [50.0, 99.9])
def test_percentile_of_one_value_is_that_value(percent: float) -> None:
    assert percentile_us([7000], percent) == 7.0


def test_percentile_of_nothing_is_nan() -> None:
    assert math.isnan(percentile_us([], 50.0))


def test_timer_counts_what_fell_due() -> None:
    timer = open_timer(100_000)
    try:
        assert select.select([timer], [], [], 5.0)[0] == [timer]
        assert struct.unpack("Q", os.read(timer, 8))[0] >= 1
    finally:
        os.close(timer)

from __future__ import annotations

import os
import random

import pytest

from benchmarks.soak.watch import Sample, Trend, fit, look, trends


def samples(memory_of: object, seconds: int = 240, pid: int = 1) -> list[Sample]:
    rng = random.Random(5)
    found = []
    for second in range(seconds):
        noise = rng.gauss(0.0, 200_000.0)
        memory = memory_of(second) + noise  # type: ignore[operator]
        values = {"memory": memory, "descriptors": 30.0 + rng.randint(-5, 5), "threads": 5.0}
        found.append(Sample(float(second), "worker", pid, values))
    return found


def named(found: list[Trend]) -> dict[str, bool | None]:
    return {trend.figure: trend.climbs for trend in found}


def test_fit_gives_slope_and_its_error() -> None:
    slope, error = fit([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)])
    assert (slope, error) == (2.0, 0.0)
    slope, error = fit([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0)])
    assert slope == 0.0
    assert error == pytest.approx((2 / 3 / 1 / 2) ** 0.5)


def test_noise_about_a_level_does_not_climb() -> None:
    assert named(trends(samples(lambda _s: 30e6), 0.0, 240.0)) == {
        "memory": False,
        "descriptors": False,
        "threads": False,
    }


def test_a_leak_of_a_megabyte_a_minute_climbs() -> None:
    assert named(trends(samples(lambda s: 30e6 + s * 1e6 / 60), 0.0, 240.0))["memory"] is True


def test_growth_in_the_warm_up_is_not_counted() -> None:
    assert named(trends(samples(lambda s: 30e6 + 1e6 * min(s, 40)), 0.0, 240.0))["memory"] is False


def test_a_short_stretch_says_nothing() -> None:
    assert named(trends(samples(lambda s: 1e6 * s, seconds=120), 0.0, 120.0))["memory"] is None


def test_a_process_that_lived_for_part_of_it_is_not_judged() -> None:
    assert trends(samples(lambda s: 1e6 * s, seconds=100), 0.0, 240.0) == []


def test_look_reads_a_process_and_gives_none_for_one_that_is_gone() -> None:
    assert look(0) is None
    mine = look(os.getpid())
    assert mine is not None
    assert mine["descriptors"] >= 3
    assert mine["threads"] >= 1
    assert 1e6 < mine["memory"] <= mine["resident"]

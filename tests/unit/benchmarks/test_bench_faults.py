from __future__ import annotations

from typing import Any

import pytest

from benchmarks.bench_faults import interval, summarise
from benchmarks.fault_states import STATES

BY_NAME = {state.name: state for state in STATES}


def row(
    turn: int, state: str, p99_us: float, off_p99_us: float, errors: int = 0, whole: float = 1.0
) -> dict[str, Any]:
    """A pair; `whole` is how many times worse the state's 99th percentile of the whole run is."""
    figures = {"p50_us": 100.0, "cpu_us": 30.0, "errors": 0}
    return {
        "round": turn,
        "state": state,
        **figures,
        "p99_half_s_us": p99_us,
        "p99_us": whole * p99_us,
        "errors": errors,
        "off": {**figures, "p99_half_s_us": off_p99_us, "p99_us": off_p99_us},
    }


def test_the_ratio_is_to_monitoring_off_right_beside_it() -> None:
    # the machine is ten times slower in the second round, for both
    rows = [
        row(0, "stopped", 105.0, 100.0),
        row(1, "stopped", 1050.0, 1000.0),
        row(2, "stopped", 90.0, 100.0),
    ]
    (line,) = summarise(rows, [BY_NAME["stopped"]])
    assert line["p99_half_s_us_ratio"] == pytest.approx(1.05)
    assert line["verdict"] == "PASS"
    assert line["rounds"] == 3


@pytest.mark.parametrize(
    ("p99_us", "errors", "verdict"), [(110, 0, "PASS"), (111, 0, "MISS"), (100, 1, "MISS")]
)
def test_the_budget_is_a_tenth_and_no_error(p99_us: float, errors: int, verdict: str) -> None:
    (line,) = summarise([row(0, "ring full", p99_us, 100.0, errors)], [BY_NAME["ring full"]])
    assert line["verdict"] == verdict


@pytest.mark.parametrize(
    ("whole", "verdict"),
    [
        ([9.0, 9.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0], "MISS"),  # the low end of the interval is 9
        ([9.0, 1.0, 1.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0], "PASS"),  # it is 1: as likely stalls of the machine
    ],
)
def test_stalls_of_whole_runs_count_when_they_are_beyond_doubt(whole: list[float], verdict: str) -> None:
    rows = [row(turn, "stopped", 100.0, 100.0, whole=times) for turn, times in enumerate(whole)]
    (line,) = summarise(rows, [BY_NAME["stopped"]])
    assert (line["p99_half_s_us_ratio"], line["verdict"]) == (1.0, verdict)


def test_a_ratio_above_the_limit_that_noise_may_have_made_is_open() -> None:
    rows = [row(turn, "stopped", p99_us, 100.0) for turn, p99_us in enumerate([90.0, 130.0, 130.0])]
    (line,) = summarise(rows, [BY_NAME["stopped"]])
    assert (line["p99_half_s_us_ratio"], line["verdict"]) == (1.3, "open")


def test_the_noise_is_shown_and_not_judged() -> None:
    (line,) = summarise([row(0, "off again", 500.0, 100.0)], [BY_NAME["off again"]])
    assert (line["p99_half_s_us_ratio"], line["verdict"]) == (5.0, "-")


def test_interval_holds_the_median_in_19_of_20_cases() -> None:
    values = [float(n) for n in range(1, 16)]
    assert interval(values) == (4.0, 12.0)  # the table for n = 15: the 4th and the 12th
    assert interval(values[:10]) == (2.0, 9.0)  # for n = 10: the 2nd and the 9th
    assert interval([3.0, 1.0, 2.0]) == (1.0, 3.0)

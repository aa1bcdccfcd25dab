from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_statistics
from benchmarks.statistics_budgets import (
    LIMITS,
    NOT_JUDGED,
    Case,
    detector_case,
    effects_case,
    effects_kernel_case,
    fill_cases,
    judge,
    missed,
)
from benchmarks.statistics_peers import frame
from benchmarks.statistics_peers.registry import ROOT, STATISTICS_PEERS, StatisticsPeer


@pytest.mark.parametrize("peer", STATISTICS_PEERS, ids=lambda peer: peer.name)
def test_every_contestant_has_a_module_and_names_its_version(peer: StatisticsPeer) -> None:
    assert (ROOT / f"benchmarks/statistics_peers/with_{peer.name}.py").is_file()
    if peer.environment is None:
        assert peer.python() == Path(sys.executable)
        return
    wanted = (ROOT / f"benchmarks/requirements-{peer.environment}.txt").read_text().split()
    names = [line.partition("==")[0].partition("[")[0] for line in wanted if "==" in line]
    assert peer.distribution in names


def test_make_builds_every_environment() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = next(line for line in makefile.splitlines() if line.startswith("BENCH_PEERS :="))
    environments = {peer.environment for peer in STATISTICS_PEERS if peer.environment}
    assert set(named.partition(":=")[2].split()) == environments


def test_a_process_that_fails_is_told_by_its_last_words() -> None:
    with pytest.raises(bench_statistics.Failed) as caught:
        bench_statistics.run_line(Path(sys.executable), ["-c", "raise ValueError('why')"])
    assert str(caught.value) == "ValueError: why"


def test_the_last_line_counts() -> None:
    found = bench_statistics.run_line(Path(sys.executable), ["-c", "print('talk'); print('{\"a\": 1}')"])
    assert found == {"a": 1}


def test_other_data_are_refused() -> None:
    rows = [{"speed": {"20": {"data": digest}}} for digest in ("a", "b")]
    with pytest.raises(AssertionError):
        bench_statistics.assert_same_data(rows)
    bench_statistics.assert_same_data(rows[:1] * 2)


def test_budgets_are_kept_at_their_limits_and_missed_beyond() -> None:
    at_limit = {name: [limit] for name, (_what, limit, _least) in LIMITS.items()}
    assert not missed(judge(at_limit))
    for name, (what, limit, least) in LIMITS.items():
        if name not in NOT_JUDGED:
            beyond = {**at_limit, name: [limit * (0.9 if least else 1.1)]}
            assert [verdict.what for verdict in missed(judge(beyond))] == [what]


@pytest.mark.parametrize(
    "make", [effects_kernel_case, effects_case, detector_case, lambda: fill_cases(3)["fill_3_ns"]]
)
def test_every_budget_can_be_measured(make: Callable[[], Case]) -> None:
    call, items, unit_ns = make()
    call()
    assert items > 1
    assert unit_ns in (1.0, 1e3)


def test_what_was_not_measured_misses() -> None:
    assert len(missed(judge({}))) == len(LIMITS) - len(NOT_JUDGED)


class Counter(frame.Contestant):
    """Calls a feature drifted when its mean has moved by 0.2."""

    distribution = "numpy"
    method = "mean"

    def prepare(self, reference: np.ndarray, window_rows: int) -> None:
        self.means = reference.mean(axis=0)

    def fill(self, rows: np.ndarray) -> np.ndarray:
        return rows.mean(axis=0)

    def drift(self, state: np.ndarray) -> list[float]:
        return list(state - self.means)

    def drifted(self, state: np.ndarray) -> list[bool]:
        return [abs(value) > 0.2 for value in self.drift(state)]

    def state_bytes(self, state: np.ndarray) -> float:
        return 8.0


def test_one_outlier_moves_a_mean_and_the_frame_sees_it() -> None:
    found = frame.outlier(Counter())
    assert found["clean"] == pytest.approx(1.0, abs=0.05)
    assert found["current 1e6"] == pytest.approx(201.0, abs=0.1)
    assert found["current NaN"] is None


def test_false_alarms_and_delay_are_counted() -> None:
    alarms = frame.false_alarms(Counter(), 20)
    # a mean of 200 rows is beyond 0.2 in 0.5 % of cases
    assert alarms is not None
    assert 0.0 < alarms["features_ratio"] < 0.02
    assert alarms["windows"] == 20
    assert frame.windows_to_alarm(Counter(), 3, "mean + 0.5 sd") == 1.0
    assert frame.windows_to_alarm(Counter(), 1, "sd x 1.3") > 5.0  # a mean does not see it


def test_speed_gives_time_memory_and_the_data_seen() -> None:
    found = frame.speed(Counter(), 2, 1)
    assert found["fill_ns"] > 0.0
    assert found["state_bytes"] == 8.0
    assert len(found["data"]) == 64

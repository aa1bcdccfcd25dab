from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import CpuAccount, Row, Timing, assert_same, load, measure, process_tree, save


def test_account_counts_new_work_and_new_processes_only() -> None:
    before = CpuAccount({1: ("all", 2.0), 2: ("monitor", 1.0)})
    after = CpuAccount({1: ("all", 2.5), 2: ("monitor", 1.0), 3: ("monitor", 0.25)})
    assert after.since(before) == {"all": 0.5, "monitor": 0.25}


def test_tree_of_this_process_begins_with_it() -> None:
    assert process_tree(os.getpid())[0] == os.getpid()


def test_measure_counts_its_calls() -> None:
    calls = []
    timing = measure(lambda: calls.append(1), repeats=2, n_calls=5, warmup=1)
    assert len(calls) == 1 + 2 * 5
    assert timing.best_ns <= timing.median_ns <= timing.worst_ns


def test_timing_of_an_item() -> None:
    assert Timing(10.0, 20.0, 30.0, 7, 3).per(10) == Timing(1.0, 2.0, 3.0, 7, 3)


@pytest.mark.parametrize(("got", "expected"), [(1, 2), (np.array([1, 2]), np.array([1, 3]))])
def test_another_answer_stops_a_benchmark(got: object, expected: object) -> None:
    with pytest.raises(AssertionError, match="case: expected"):
        assert_same("case", got, expected)


def test_results_come_back_with_the_machine(tmp_path: Path) -> None:
    timing = Timing(1.0, 2.0, 3.0, 4, 5)
    path = save("trial", [Row("case", timing, "ns/value", {"bins": 3}).to_json()], folder=tmp_path, note="n")
    document = load(path)
    assert document["rows"][0]["best_ns"] == 1.0
    assert document["rows"][0]["bins"] == 3
    assert document["machine"]["cores"] >= 1
    assert document["note"] == "n"

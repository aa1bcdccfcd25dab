from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from sidecar.demo.flights import FEATURES, Flights, Split
from sidecar.demo.traffic import Batch, Phase, Queue, count_predictions, encode_request, plan_phases


@dataclass
class StoppedClock:
    """A clock that stands until it is moved."""

    now_ns: int = 5_000_000_000

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


def _phase(n_batches: int, seconds: float) -> Phase:
    return Phase("p", tuple(Batch(np.array([i]), f"day {i}") for i in range(n_batches)), seconds)


def test_the_first_phase_sends_the_held_out_rows_and_the_second_the_later_ones(
    flights: Flights, split: Split
) -> None:
    quiet, turning = plan_phases(flights, split, 30.0)
    assert np.array_equal(np.concatenate([batch.rows for batch in quiet.batches]), split.held_out)
    assert np.array_equal(np.concatenate([batch.rows for batch in turning.batches]), split.later)
    assert (quiet.seconds, turning.seconds) == (12.0, 18.0)


def test_batches_have_some_rows_each_and_name_the_day(flights: Flights, split: Split) -> None:
    quiet, turning = plan_phases(flights, split, 30.0)
    sizes = [len(batch.rows) for batch in turning.batches]
    assert min(sizes) == 1
    assert max(sizes) == 31
    assert {batch.when for batch in quiet.batches} == {"January to March"}
    assert turning.batches[0].when == "April 1"
    assert turning.batches[-1].when == "August 31"


def test_batches_are_due_evenly_over_the_phase() -> None:
    clock = StoppedClock()
    queue = Queue(_phase(4, 2.0), clock)
    waits = []
    while (due := queue.take()) is not None:
        waits.append((due[0].when, due[1]))
    assert waits == [("day 0", 0.0), ("day 1", 0.5), ("day 2", 1.0), ("day 3", 1.5)]


def test_a_batch_that_is_a_little_late_goes_at_once() -> None:
    clock = StoppedClock()
    queue = Queue(_phase(4, 2.0), clock)
    clock.now_ns += 400_000_000
    assert [queue.take(), queue.take()] == [
        (queue.phase.batches[0], 0.0),
        (queue.phase.batches[1], pytest.approx(0.1)),
    ]
    assert queue.left_out == 0


def test_overdue_batches_are_left_out_and_counted() -> None:
    clock = StoppedClock()
    queue = Queue(_phase(100, 10.0), clock)
    clock.now_ns += 3_000_000_000
    assert queue.take() == (queue.phase.batches[25], 0.0)  # due at 2.5 s, half a second ago
    assert queue.left_out == 25
    clock.now_ns += 60_000_000_000
    assert queue.take() is None
    assert queue.left_out == 99


def test_a_request_has_one_column_for_each_feature_and_null_for_missing_values(flights: Flights) -> None:
    missing = int(np.flatnonzero(np.isnan(flights.numeric["temp"]))[0])
    cells = flights.take(np.array([0, missing])).cells()
    document = json.loads(encode_request(cells, np.array([1, 0])))
    inputs = {column["name"]: column for column in document["inputs"]}
    assert tuple(inputs) == FEATURES
    assert inputs["temp"] == {"name": "temp", "shape": [2], "datatype": "FP64", "data": [None, 39.02]}
    assert inputs["origin"]["datatype"] == "BYTES"
    assert inputs["hour"] == {
        "name": "hour",
        "shape": [2],
        "datatype": "INT64",
        "data": [cells["hour"][1], cells["hour"][0]],
    }


@pytest.mark.parametrize(
    ("body", "n"),
    [
        (
            b'{"outputs": [{"name": "late_probability", "data": [0.1, 0.2]}, {"name": "late", "data": [0]}]}',
            2,
        ),
        (b'{"outputs": [{"name": "late", "data": [0]}]}', 0),
        (b'{"error": "no"}', 0),
        (b"", 0),
    ],
)
def test_counts_the_predictions_of_an_answer(body: bytes, n: int) -> None:
    assert count_predictions(body) == n

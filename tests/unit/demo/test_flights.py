from __future__ import annotations

import numpy as np

from sidecar.demo.flights import CATEGORICAL, FEATURES, INTEGERS, Flights, Split, split_flights


def test_reads_every_row_of_the_file(flights: Flights) -> None:
    assert flights.rows == 60_000
    assert np.unique(flights.month).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert np.isnan(flights.numeric["temp"]).sum() == 101  # as counted in the CSV file
    assert len(set(flights.texts["carrier"])) == 16


def test_late_is_more_than_a_quarter_of_an_hour(flights: Flights) -> None:
    assert not np.isnan(flights.arr_delay).any()
    assert flights.late[0] == 1.0  # 33 minutes
    assert flights.late[2] == 0.0  # 12 minutes


def test_the_split_uses_every_row_once(flights: Flights, split: Split) -> None:
    used = np.concatenate([split.training, split.held_out, split.later])
    assert sorted(used.tolist()) == list(range(60_000))
    assert abs(len(split.training) - len(split.held_out)) <= 1


def test_the_early_rows_are_shuffled_and_the_later_ones_in_time_order(flights: Flights, split: Split) -> None:
    assert flights.month[split.training].max() == flights.month[split.held_out].max() == 3
    first, second = np.split(flights.numeric["temp"][split.held_out[:10_000]], 2)
    assert abs(np.nanmean(first) - np.nanmean(second)) < 1.0  # the mean's own error is 0.15 F on either side
    calendar = flights.month[split.later] * 100 + flights.day[split.later]
    assert np.all(np.diff(calendar) >= 0)
    assert calendar[0] == 401


def test_the_split_is_the_same_every_time(flights: Flights, split: Split) -> None:
    again = split_flights(flights)
    assert np.array_equal(again.training, split.training)
    assert not np.array_equal(split_flights(flights, seed=14).training, split.training)


def test_cells_are_whole_numbers_texts_and_none_for_missing_values(flights: Flights) -> None:
    missing = int(np.flatnonzero(np.isnan(flights.numeric["temp"]))[0])
    cells = flights.take(np.array([0, missing])).cells()
    assert tuple(cells) == FEATURES
    assert cells["temp"] == [39.02, None]
    assert all(type(cells[name][0]) is int for name in INTEGERS)
    assert all(type(cells[name][0]) is str for name in CATEGORICAL)

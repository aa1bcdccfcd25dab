from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kernels.distinct import N_FINITE, TALLY
from sidecar.profile.cells import join_texts
from sidecar.profile.distinct import Distinct, empty_written
from sidecar.profile.vocabulary import TEXT_LIMIT

MOST = 2000


def of_numbers(values, most=MOST):
    made = Distinct()
    made.add_numbers(np.asarray(values, dtype=np.float64), most, np.zeros(TALLY, dtype=np.int64), np.zeros(2))
    made.settle(most)
    return made


def of_texts(values, most=MOST):
    made = Distinct()
    made.add_texts(join_texts(values), most, *empty_written())
    made.settle(most)
    return made


def test_few_values_are_counted_exactly():
    rng = np.random.default_rng(2)
    values = rng.integers(0, 1500, size=20_000)
    made = of_numbers(values)
    assert made.complete
    assert dict(made.entries()) == {str(k): n for k, n in Counter(values.tolist()).items()}
    assert made.estimate() == np.unique(values).size


def test_texts_and_numbers_side_by_side():
    made = of_texts(["3", "x", None, "x"])
    made.add_numbers(np.array([3.0, 0.5]), MOST, np.zeros(TALLY, dtype=np.int64), np.zeros(2))
    assert sorted(made.entries()) == [("0.5", 1), ("3", 1), ("3", 1), ("x", 2)]


def test_beyond_the_limit_those_kept_are_exact_and_the_rest_is_estimated():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 40_000, size=200_000)
    made = of_numbers(values)
    assert not made.complete
    assert made.used == MOST
    truth = Counter(values.tolist())
    assert all(truth[int(text)] == count for text, count in made.entries())
    assert made.estimate() == pytest.approx(len(truth), rel=0.1)  # sd 2.2 %


def test_estimates_are_centred():
    errors = [
        of_numbers(np.arange(seed, seed + 50_000) * 1.5).estimate() / 50_000 - 1
        for seed in range(0, 10**6, 10**5)
    ]
    assert abs(np.mean(errors)) < 0.025  # ten of sd 2.2 %: 0.7 %
    assert np.std(errors) < 0.05


@pytest.mark.parametrize("cardinality", [100, 30_000])
def test_any_grouping_gives_the_same_state(cardinality):
    values = [f"t{k}" for k in np.random.default_rng(4).integers(0, cardinality, size=60_000)]
    whole = of_texts(values).to_state()
    parts = [of_texts(values[start : start + 20_000]) for start in (40_000, 0, 20_000)]
    together = Distinct()
    for part in parts:
        together.merge(part, MOST)
    assert together.to_state() == whole


def test_fewer_may_be_kept_later():
    values = np.arange(1500.0)
    many = of_numbers(values)
    many.settle(100)
    assert many.to_state() == of_numbers(values, 100).to_state()


def test_what_left_and_came_again_is_not_counted_from_the_middle():
    made = Distinct()
    texts = [f"{k}" for k in range(30_000)]
    for _ in range(3):
        made.add_texts(join_texts(texts), 100, *empty_written())
    made.settle(100)
    assert {count for _, count in made.entries()} == {3}
    assert len(made.texts) == 100


def test_long_texts_are_cut_but_told_apart():
    made = of_texts(["a" * 1000 + "x", "a" * 1000 + "y"])
    assert list(made.entries()) == [("a" * TEXT_LIMIT, 1)] * 2


def test_state_survives():
    made = of_texts(["a", "b", "a"])
    made.add_numbers(np.array([1.0, 2.5]), MOST, np.zeros(TALLY, dtype=np.int64), np.zeros(2))
    again = Distinct.from_state(made.to_state())
    assert again.to_state() == made.to_state()
    assert sorted(again.entries()) == [("1", 1), ("2.5", 1), ("a", 2), ("b", 1)]
    again.add_texts(join_texts(["a"]), MOST, *empty_written())
    assert ("a", 3) in list(again.entries())


def test_state_that_does_not_fit_together():
    state = of_texts(["a", "b"]).to_state()
    with pytest.raises(ValueError, match="different lengths"):
        Distinct.from_state({**state, "counts": b""})


def test_kinds_are_counted_in_the_callers_tally():
    tally, extremes = np.zeros(TALLY, dtype=np.int64), np.array([np.inf, -np.inf])
    made = Distinct()
    made.add_numbers(np.arange(5000.0), MOST, tally, extremes)
    made.add_numbers(np.arange(10.0), MOST, tally, extremes)
    assert tally[N_FINITE] == 5010
    assert extremes.tolist() == [0.0, 4999.0]

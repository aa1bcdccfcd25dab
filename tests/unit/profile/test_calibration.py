from __future__ import annotations

import msgspec
import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from sidecar.errors import BadReference
from sidecar.profile.calibration import (
    BINS,
    calibrate,
    pack_calibration,
    pool_rates,
    positive_label,
    score_bins,
    unpack_calibration,
)

NO_SIZE = "ValueError('counts without a size')"


def drawn(rows=20_000, seed=1):
    rng = np.random.default_rng(seed)
    scores = rng.beta(2.0, 3.0, size=rows)
    return scores, (rng.random(rows) < scores**2).astype(np.float64)


def test_rates_are_the_isotonic_regression_of_the_bins():
    scores, truths = drawn()
    made = calibrate("p", "y", "1", scores, truths)
    held = made.counts > 0
    expected = isotonic_regression(made.positives[held] / made.counts[held], weights=made.counts[held]).x
    assert made.rates[held] == pytest.approx(expected, abs=1e-12)
    assert np.all(np.diff(made.rates) >= 0)


def test_rates_are_those_of_the_truth():
    scores, truths = drawn(200_000)
    made = calibrate("p", "y", "1", scores, truths)
    asked = np.linspace(0.1, 0.9, 9)
    assert made.expected(asked) == pytest.approx(asked**2, abs=0.05)
    assert np.isnan(made.expected(np.array([np.nan]))).all()


def test_error_is_the_mean_distance_of_scores_from_what_they_stand_for():
    scores, truths = drawn(200_000)
    assert calibrate("p", "y", "1", scores, truths).error == pytest.approx(0.2, abs=0.01)  # E s - s^2
    honest = (np.random.default_rng(2).random(scores.size) < scores).astype(np.float64)
    assert calibrate("p", "y", "1", scores, honest).error == pytest.approx(0.0, abs=0.01)


def test_scores_that_are_no_probabilities_have_no_error():
    scores, truths = drawn()
    assert calibrate("p", "y", "1", 2.0 * scores, truths).error is None


def test_counts_are_kept():
    scores, truths = drawn()
    scores[:3], truths[3] = [np.nan, np.inf, -np.inf], np.nan
    made = calibrate("p", "y", "1", scores, truths)
    known = np.isfinite(scores) & ~np.isnan(truths)
    assert (made.counts.sum(), made.positives.sum()) == (known.sum(), truths[known].sum())
    assert made.edges.tolist() == np.linspace(0.0, 1.0, BINS + 1).tolist()


def test_scores_that_are_no_probabilities_have_bins_at_their_quantiles():
    scores, truths = drawn()
    made = calibrate("p", "y", "1", 40.0 * scores - 20.0, truths)
    assert made.counts.min() > 0
    assert made.counts.max() < 2 * scores.size / BINS
    assert made.counts.sum() == scores.size


def test_a_single_score():
    made = calibrate("p", "y", "1", np.full(4, 7.0), np.array([0.0, 1.0, 1.0, 1.0]))
    assert made.rates.tolist() == [0.75]


def test_worked_example():
    """Rates 1, 0, 1/2, empty, 3/4: the first two break the order and pool with the third."""
    rates = pool_rates(np.arange(6.0), np.array([1, 1, 2, 0, 4]), np.array([1, 0, 1, 0, 3]))
    assert rates.tolist() == [0.5, 0.5, 0.5, 0.625, 0.75]


def test_scores_outside_go_to_the_ends():
    assert score_bins(np.array([0.0, 0.5, 1.0]), np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist() == [
        0,
        0,
        1,
        1,
        1,
    ]


def test_the_positive_label():
    assert positive_label("y", ["0", "1"]) == "1"
    assert positive_label("y", ["10", "9"]) == "10"
    assert positive_label("y", ["yes", "no"]) == "yes"
    with pytest.raises(BadReference) as caught:
        positive_label("y", ["a", "b", "c"])
    assert str(caught.value) == "label 'y': expected two classes, got 3"


def test_no_rows():
    with pytest.raises(BadReference) as caught:
        calibrate("p", "y", "1", np.array([np.nan]), np.array([1.0]))
    assert str(caught.value) == "score 'p': expected rows with a score and a label, got none"


def test_round_trip():
    made = calibrate("p", "y", "1", *drawn())
    again = unpack_calibration(pack_calibration(made))
    assert (again.score, again.label, again.positive) == ("p", "y", "1")
    for name in ("edges", "counts", "positives", "rates"):
        assert np.array_equal(getattr(again, name), getattr(made, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "score_calibration: expected format 1, got 2"),
        ({"rates": b""}, "score_calibration: expected as many bins everywhere, got different numbers"),
        ({"counts": b""}, "score_calibration: expected its fields, got " + NO_SIZE),
    ],
)
def test_damage(change, message):
    fields = msgspec.msgpack.decode(pack_calibration(calibrate("p", "y", "1", *drawn())))
    with pytest.raises(BadReference) as caught:
        unpack_calibration(msgspec.msgpack.encode({**fields, **change}))
    assert str(caught.value) == message

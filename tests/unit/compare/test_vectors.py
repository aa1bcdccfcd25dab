from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.vectors import absolute_errors, cosines, flips, ulp_distances, within

NAN, INF = math.nan, math.inf
TOP = np.iinfo(np.int64).max


def array(*values):
    return np.array(values, dtype=np.float64)


def test_absolute_errors():
    primary = array(1.0, NAN, INF, -INF, NAN, INF, 1.0)
    shadow = array(1.5, NAN, INF, INF, 1.0, 1.0, INF)
    assert absolute_errors(primary, shadow).tolist() == [0.5, 0.0, 0.0, INF, INF, INF, INF]


def test_within_is_absolute_plus_relative():
    primary = array(100.0, 100.0, INF, INF, NAN, 0.0)
    shadow = array(101.5, 101.6, INF, 1.0, 0.0, 0.4)
    assert within(primary, shadow, 0.5, 0.01).tolist() == [True, False, True, False, False, True]


@pytest.mark.parametrize(
    ("primary", "shadow", "distance"),
    [
        (1.0, 1.0, 0),
        (1.0, math.nextafter(1.0, 2.0), 1),
        (0.0, -0.0, 0),
        (5e-324, -5e-324, 2),
        (-1.0, math.nextafter(-1.0, 0.0), 1),
        (1.0, 2.0, 2**52),
        (NAN, NAN, 0),
        (NAN, 1.0, TOP),
        (-1e308, 1e308, TOP),
    ],
)
def test_units_in_the_last_place(primary, shadow, distance):
    assert ulp_distances(array(primary), array(shadow)).tolist() == [distance]
    assert ulp_distances(array(shadow), array(primary)).tolist() == [distance]


def test_units_in_the_last_place_of_single_precision():
    one = np.float32(0.1)
    after = np.nextafter(one, np.float32(1.0))
    assert ulp_distances(array(float(one)), array(float(after)), single=True).tolist() == [1]
    assert ulp_distances(array(-1.0), array(1.0), single=True).tolist() == [2 * 0x3F800000]


def test_cosines():
    primary = np.array(
        [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1e200, 1e200], [NAN, 1.0]]
    )
    shadow = np.array(
        [[2.0, 0.0], [0.0, 3.0], [-2.0, -2.0], [0.0, 0.0], [1.0, 0.0], [1e-200, 1e-200], [1.0, 1.0]]
    )
    found = cosines(primary, shadow)
    assert found[:6] == pytest.approx([1.0, 0.0, -1.0, 1.0, 0.0, 1.0])
    assert math.isnan(found[6])


def test_flips_at_a_threshold():
    assert flips(array(0.5, 0.49, 0.7, NAN), array(0.49, 0.2, 0.9, 0.6), 0.5).tolist() == [
        True,
        False,
        False,
        True,
    ]

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.pairs import ABSOLUTE, OCTAVES, RELATIVE, ULPS, WIDEST, compare_numbers

PARTS = 8
NAN, INF = math.nan, math.inf


def array(*values):
    return np.array(values, dtype=np.float64)


def compared(primary, shadow, absolute=0.0, relative=0.0):
    sizes = np.zeros((3, OCTAVES * PARTS + 2), dtype=np.int64)
    signed, same = np.full(primary.size, NAN), np.zeros(primary.size, dtype=np.bool_)
    n_signed = compare_numbers(primary, shadow, absolute, relative, PARTS, sizes, signed, same)
    return sizes, signed[:n_signed].tolist(), same.tolist()


def cell_of(size):
    """The cell that one size is counted in: 0, the octaves from 2^-64 up, and what is beyond."""
    return compared(array(0.0), array(size))[0][ABSOLUTE].argmax()


def test_the_same_is_absolute_plus_relative():
    primary = array(100.0, 100.0, INF, INF, NAN, NAN, 0.0)
    shadow = array(101.5, 101.6, INF, 1.0, 0.0, NAN, 0.4)
    same = [True, False, True, False, False, True, True]
    assert compared(primary, shadow, 0.5, 0.01)[2] == same


def test_signed_differences_are_those_that_are_numbers():
    primary = array(1.0, 2.0, NAN, NAN, INF, INF, -1e308, 0.0)
    shadow = array(1.5, 1.0, NAN, 1.0, INF, -INF, 1e308, -1e300)
    assert compared(primary, shadow)[1] == [0.5, -1.0, 0.0, 0.0, -WIDEST]


@pytest.mark.parametrize(
    ("size", "cell"),
    [
        (0.0, 0),
        (5e-324, 1),
        (2.0**-64, 1),
        (1.0, 64 * PARTS + 1),
        (1.124, 64 * PARTS + 1),
        (1.125, 64 * PARTS + 2),
        (1.999, 65 * PARTS),
        (2.0**63, 127 * PARTS + 1),
        (2.0**64, OCTAVES * PARTS + 1),
        (INF, OCTAVES * PARTS + 1),
    ],
)
def test_sizes_are_counted_in_equal_parts_of_octaves(size, cell):
    assert cell_of(size) == cell


def test_a_relative_error_of_two_infinities_is_not_counted():
    assert compared(array(INF), array(-INF))[0][RELATIVE].sum() == 0
    assert compared(array(INF), array(INF))[0][RELATIVE][0] == 1


def test_a_relative_error_beside_zero_is_beyond_all():
    assert compared(array(0.0), array(1.0))[0][RELATIVE][-1] == 1


@pytest.mark.parametrize(
    ("primary", "shadow", "distance"),
    [
        (1.0, 1.0, 0.0),
        (1.0, math.nextafter(1.0, 2.0), 1.0),
        (0.0, -0.0, 0.0),
        (5e-324, -5e-324, 2.0),
        (-1.0, math.nextafter(-1.0, 0.0), 1.0),
        (1.0, 2.0, 2.0**52),
        (NAN, NAN, 0.0),
        (NAN, 1.0, 2.0**63),
        (-1e308, 1e308, 2.0**63),
    ],
)
def test_units_in_the_last_place(primary, shadow, distance):
    for pair in ((primary, shadow), (shadow, primary)):
        assert compared(array(pair[0]), array(pair[1]))[0][ULPS].argmax() == cell_of(distance)


def test_nothing_is_compared_of_nothing():
    assert compared(array(), array())[1:] == ([], [])

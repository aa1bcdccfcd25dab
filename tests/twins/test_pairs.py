from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kernels.pairs import OCTAVES, WIDEST, compare_numbers
from sidecar.compare.histogram import SizeHistogram
from tests.twins.plain_pairs import absolute_errors, ulp_distances, within

PARTS = 8
NUMBER = st.floats() | st.sampled_from([0.0, -0.0, math.nan, math.inf, -math.inf, 1.0, 5e-324, 1e308, -1e308])
PAIRS = st.lists(st.tuples(NUMBER, NUMBER) | NUMBER.map(lambda value: (value, value)), max_size=20)


def sizes_of(errors):
    histogram = SizeHistogram(PARTS)
    histogram.add(errors)
    return histogram.counts


@given(pairs=PAIRS, absolute=st.floats(0.0, 10.0), relative=st.floats(0.0, 1.0))
def test_numbers_are_compared_as_their_formulas_say(pairs, absolute, relative):
    primary, shadow = np.array(pairs, dtype=np.float64).reshape(-1, 2).T.copy()
    sizes = np.zeros((3, OCTAVES * PARTS + 2), dtype=np.int64)
    signed, same = np.zeros(len(pairs)), np.zeros(len(pairs), dtype=np.bool_)
    n_signed = compare_numbers(primary, shadow, absolute, relative, PARTS, sizes, signed, same)

    errors = absolute_errors(primary, shadow)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative_errors = np.where(errors == 0.0, 0.0, errors / np.abs(primary))
        distances = ulp_distances(primary, shadow).astype(np.float64)
    finite = np.isfinite(errors)
    bounded = np.minimum(errors, WIDEST)[finite]
    assert same.tolist() == within(primary, shadow, absolute, relative).tolist()
    assert signed[:n_signed].tolist() == np.where((shadow < primary)[finite], -bounded, bounded).tolist()
    for found, expected in zip(sizes, (errors, relative_errors, distances), strict=True):
        np.testing.assert_array_equal(found, sizes_of(expected))

from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.vectors import cosines, flips

NAN, INF = math.nan, math.inf


def array(*values):
    return np.array(values, dtype=np.float64)


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

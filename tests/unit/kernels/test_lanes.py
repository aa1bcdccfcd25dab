from __future__ import annotations

import math
import struct

import numpy as np

from kernels.lanes import TYPE_ERROR_NAN, type_errors


def test_a_type_error_is_a_nan_that_copies_keep():
    assert math.isnan(TYPE_ERROR_NAN)
    matrix = np.full((3, 2), np.nan)
    matrix[:, 1] = [1.0, TYPE_ERROR_NAN, np.nan]
    copied = np.ascontiguousarray(matrix.take([1, 0], axis=1))
    assert type_errors(copied).tolist() == [[False, False], [True, False], [False, False]]


def test_no_arithmetic_makes_a_type_error():
    with np.errstate(invalid="ignore"):
        made = np.array([np.inf - np.inf, 0.0 * np.inf, np.nan, -np.nan, struct.unpack("<d", b"\xff" * 8)[0]])
    assert not type_errors(made).any()

from __future__ import annotations

import numpy as np
import pytest

from kernels.totals import totals


@pytest.mark.parametrize("bins", [1, 2, 33])
def test_each_side_has_its_own_rows(bins):
    reference = np.arange(bins, dtype=np.int64) + 10**15  # beyond what a float32 or an int32 holds
    current = np.arange(bins, dtype=np.int64) * 3
    assert totals(reference, current) == (int(reference.sum()), int(current.sum()))


def test_no_cell_has_no_rows():
    empty = np.zeros(0, dtype=np.int64)
    assert totals(empty, empty) == (0, 0)

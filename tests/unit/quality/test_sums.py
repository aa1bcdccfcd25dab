from __future__ import annotations

import numpy as np

from kernels.runs import ABOVE, BELOW, PRESENT, TYPE_ERRORS
from sidecar.quality.rates import FEATURE_KINDS
from sidecar.quality.sums import Sums

N_KINDS = len(FEATURE_KINDS)


def some():
    sums = Sums.empty(2)
    sums.rows = 10
    sums.tallies[0, [BELOW, ABOVE, PRESENT, TYPE_ERRORS]] = 1, 2, 6, 3
    sums.chosen[0, [BELOW, ABOVE, PRESENT]] = 0, 1, 2
    sums.blocks[1] = 4, 5
    sums.others[:] = [[7, 256], [8, 9]]
    return sums


def test_table_has_every_kind_of_every_feature():
    table = some().table()
    assert table[: N_KINDS * 2 : 2].tolist() == [[1, 10], [3, 10], [3, 6], [3, 6], [0, 0]]
    assert table[1 : N_KINDS * 2 : 2].tolist() == [[10, 10], [0, 10], [0, 0], [0, 0], [4, 5]]
    assert table[-2:].tolist() == [[7, 256], [8, 9]]


def test_a_detector_counts_values_out_of_range_once_a_message():
    sums = some()
    changed = np.flatnonzero((sums.trials() != sums.table()).any(axis=1))
    assert changed.tolist() == [FEATURE_KINDS.index("out_of_range") * 2]
    assert sums.trials()[changed].tolist() == [[1, 2]]


def test_sums_add_up():
    total = some()
    total.add(some())
    assert total.table().tolist() == (2 * some().table()).tolist()
    assert total.trials().tolist() == (2 * some().trials()).tolist()

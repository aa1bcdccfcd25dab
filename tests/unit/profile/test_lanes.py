from __future__ import annotations

import numpy as np

from kernels.binning import EDGES
from kernels.lanes import NUMERIC, UNCOUNTED
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference

NUMBER = FeatureSpec("n", "input", "numeric")
TEXT = FeatureSpec("c", "input", "categorical")


def test_table_of_both_kinds():
    matrix = np.column_stack([np.arange(100.0), np.tile([1.0, 2.0], 50)])
    features = learn_reference([NUMBER, TEXT], matrix, [(), ("a", "b")])
    table = lane_table([NUMBER, TEXT], features)
    assert table.codes.tolist() == [NUMERIC, 2]
    assert table.edges.shape == (2, EDGES)
    assert table.scales[0].tolist() == [49.5, 2.0**-21]
    assert table.scales[1].tolist() == [0.0, 1.0]
    assert np.isposinf(table.edges[1]).all()
    assert table.width == 2


def test_lanes_do_not_depend_on_what_is_learnt():
    matrix = np.column_stack([np.arange(100.0), np.tile([1.0, 2.0], 50)])
    features = learn_reference([NUMBER, TEXT], matrix, [(), ("a", "b")])
    unlearnt = lane_table([NUMBER, TEXT], [features[0], None])
    assert unlearnt.codes.tolist() == [NUMERIC, UNCOUNTED]
    assert unlearnt.lanes == lane_table([NUMBER, TEXT], features).lanes == 4 + 65
    assert lane_table([NUMBER], [None]).lanes == 4 + 32


def test_no_features_at_all():
    assert lane_table([], []).width == 0

from __future__ import annotations

import numpy as np
import pytest

from kernels.lanes import FIRST_CELL, MISSING, NEG_INF, POS_INF
from sidecar.profile import placing
from sidecar.profile.cells import Cells, join_texts
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import blank_references, learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.placing import codes_of, grouped_lanes, lanes_of
from sidecar.profile.sample import SampledColumn

NUMBER, TEXT = FeatureSpec("n", "input", "numeric"), FeatureSpec("t", "input", "categorical")


def column_of(numbers, texts=None):
    made = SampledColumn(len(numbers))
    cells = Cells(np.asarray(numbers, dtype=np.float64), None if texts is None else join_texts(texts))
    made.put(0, cells, np.arange(len(numbers)))
    return made


def test_numbers_lie_where_the_kernel_counts_them(monkeypatch):
    monkeypatch.setattr(placing, "BLOCK_ROWS", 100)
    rng = np.random.default_rng(8)
    values = np.concatenate([rng.normal(size=900), [np.nan, np.inf, -np.inf, -np.inf], np.zeros(50)])
    (feature,) = learn_reference([NUMBER], values[:, None], [()])
    table = lane_table([NUMBER], [feature])
    pane = Pane.empty(0, 0, 1, table.lanes)
    pane.fill(table, values[:, None].copy())
    lanes = lanes_of(feature, column_of(values), values.size)
    assert np.bincount(lanes, minlength=table.lanes).tolist() == pane.counts[0].tolist()
    assert lanes[900:904].tolist() == [MISSING, POS_INF, NEG_INF, NEG_INF]


def test_texts_lie_in_the_cells_of_their_categories():
    (feature,) = blank_references([TEXT], np.full((1, 1), np.nan), [("7", "x")])
    column = column_of([np.nan, 7.0, np.nan, np.nan, 8.0], ["x", None, "7", None, None])
    assert lanes_of(feature, column, 5).tolist() == [
        FIRST_CELL + 2,
        FIRST_CELL + 1,
        FIRST_CELL + 1,
        MISSING,
        FIRST_CELL,
    ]
    assert codes_of(feature, column, 5) == pytest.approx([2.0, 1.0, 1.0, np.nan, 0.0], nan_ok=True)


def test_a_column_without_rows_is_missing():
    (feature,) = blank_references([NUMBER], np.zeros((3, 1)), [()])
    assert lanes_of(feature, None, 3).tolist() == [MISSING] * 3
    assert np.isnan(codes_of(feature, None, 3)).all()


def test_groups_add_up():
    lanes, groups = np.array([0, 1, 1, 2, 2]), np.array([0, 0, 1, 1, -1])
    assert grouped_lanes(lanes, 3, groups, 2).tolist() == [[1, 1, 0], [0, 1, 1]]

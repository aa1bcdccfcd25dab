from __future__ import annotations

import numpy as np
import pytest

from sidecar.errors import ShapeMismatch
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from tests.support.panes import contents

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "numeric")]
ROWS = np.random.default_rng(1).normal(size=(200, 2))
TABLE = lane_table(SPECS, learn_reference(SPECS, ROWS, [(), ()]))


def pane_of(rows, start=0, end=60):
    pane = Pane.empty(start, end, TABLE.width, TABLE.lanes)
    pane.fill(TABLE, rows)
    return pane


def test_merging_is_filling_at_once():
    merged = pane_of(ROWS[:50], 60, 120)
    merged.merge(pane_of(ROWS[50:], 0, 60))
    whole = pane_of(ROWS)
    assert (merged.start_unix_ns, merged.end_unix_ns, merged.rows) == (0, 120, 200)
    assert np.array_equal(merged.counts, whole.counts)
    assert contents(merged) == {**contents(whole), "start_unix_ns": 0, "end_unix_ns": 120}


def test_copy_is_apart():
    pane = pane_of(ROWS)
    other = pane.copy()
    other.fill(TABLE, ROWS)
    assert pane.rows == 200
    assert pane.counts.sum() == 400


def test_a_sum_with_a_pane_without_sketches_has_none():
    pane, bare = pane_of(ROWS), pane_of(ROWS)
    bare.drop_sketches()
    assert pane.sketches.sum() == ROWS.size
    pane.merge(bare)
    assert pane.sketches.shape == bare.sketches.shape == (2, 0)


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        (np.zeros((3, 1)), "(3, 1) float64"),
        (np.zeros((3, 2), dtype=np.float32), "(3, 2) float32"),
        (np.zeros(2), "(2,) float64"),
        (np.zeros((2, 3)).T, "(3, 2) float64"),
    ],
)
def test_rows_of_another_form(rows, got):
    with pytest.raises(ShapeMismatch) as caught:
        pane_of(rows)
    assert str(caught.value) == f"pane: expected rows of 2 float64 in C order, got {got}"


def test_counts_of_another_shape():
    with pytest.raises(ShapeMismatch) as caught:
        pane_of(ROWS).merge(Pane.empty(0, 1, 2, 68))
    assert str(caught.value) == "pane: expected counts of (2, 36), got (2, 68)"

from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.units import UnitTally, chosen_of, chosen_row, stamps_of

SPECS = [FeatureSpec("a", "input", "numeric"), FeatureSpec("b", "input", "numeric")]
TABLE = lane_table(SPECS, learn_reference(SPECS, np.random.default_rng(1).normal(size=(500, 2)), [(), ()]))


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 1000])
def test_every_row_is_chosen_as_often(rows):
    n = 200 * rows
    found = np.bincount([chosen_row(k, rows) for k in range(n)], minlength=rows)
    assert found.size == rows
    # 200 expected a row: five standard deviations
    assert np.all(np.abs(found - 200) < 5 * np.sqrt(200))


def test_same_exchange_chooses_the_same_row():
    assert chosen_row(2**64 - 1, 7) == chosen_row(2**64 - 1, 7)
    assert chosen_row(12, 1) == 0


def test_splitmix_vectors():
    """First outputs of SplitMix64 with seed 1234567, as published with the generator."""
    published = (6457827717110365317, 3203168211198807973)
    golden = 0x9E37_79B9_7F4A_7C15
    for step, value in enumerate(published):
        assert chosen_row(1234567 + step * golden, 2**64 - 1) == (value * (2**64 - 1)) >> 64


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("unix_ns", [10, 11])
def test_marks_one_row_of_a_message(rows, unix_ns):
    for exchange_id in range(20):
        stamps = stamps_of(rows, unix_ns, exchange_id)
        assert set(stamps) <= {10, 11}
        chosen = chosen_of(np.array(stamps, dtype=np.int64))
        expected = [k == chosen_row(exchange_id, rows) for k in range(rows)]
        assert (chosen is None and rows <= 1) or chosen.tolist() == expected


def test_stamps_of_single_rows_choose_every_row():
    assert chosen_of(np.array(stamps_of(1, 7, 0) + stamps_of(1, 8, 0))) is None


def test_no_exchange_chooses_every_row():
    assert stamps_of(3, 7, None) == [6, 6, 6]


def filled(blocks, key=5):
    """A pane of all rows and a tally of the chosen ones."""
    pane, tally = Pane.empty(0, 1, 2, TABLE.lanes), UnitTally(2, TABLE.lanes)
    for rows, chosen in blocks:
        tally.fill(key, TABLE, rows, chosen, pane.counts)
        pane.fill(TABLE, rows)
    return pane, tally


def blocks_of(seed, sizes):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, 2)), None if n == 1 else rng.random(n) < 0.3) for n in sizes]


def test_single_rows_need_no_counts_of_their_own():
    pane, tally = filled(blocks_of(1, [1, 1, 1]))
    assert tally.counts(5, pane.counts) is pane.counts
    assert tally.to_state() == []


@pytest.mark.parametrize("sizes", [[1, 1, 8, 1, 20], [30], [5, 1, 1]])
def test_counts_are_those_of_the_chosen_rows(sizes):
    blocks = blocks_of(2, sizes)
    pane, tally = filled(blocks)
    only = Pane.empty(0, 1, 2, TABLE.lanes)
    for rows, chosen in blocks:
        only.fill(TABLE, np.ascontiguousarray(rows if chosen is None else rows[chosen]))
    assert pane.rows == sum(sizes)
    assert np.array_equal(tally.counts(5, pane.counts), only.counts)
    assert tally.counts(6, pane.counts) is pane.counts


def test_closed_pane_is_forgotten():
    pane, tally = filled(blocks_of(3, [9]))
    counts = tally.counts(5, pane.counts)
    assert tally.close(5, pane.counts) is counts
    assert tally.counts(5, pane.counts) is pane.counts


def test_checkpoint():
    pane, tally = filled(blocks_of(4, [9, 1]))
    resumed = UnitTally(2, TABLE.lanes)
    resumed.restore(tally.to_state())
    assert np.array_equal(resumed.counts(5, pane.counts), tally.counts(5, pane.counts))
    rows = np.ones((1, 2))
    for one in (tally, resumed):
        one.fill(5, TABLE, rows, None, pane.counts)
    assert resumed.to_state() == tally.to_state()
    with pytest.raises(ValueError, match="reshape"):
        resumed.restore([[5, b"12345678"]])

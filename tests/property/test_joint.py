"""Joint sums and embeddings: any blocks, any order and any grouping give the same bytes."""

from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kernels.second_moments import LIMIT
from sidecar.profile.embedding import lay_out
from sidecar.profile.fourier import make_phases
from sidecar.profile.joint import JointFill, JointSpace, JointSums
from sidecar.profile.joint_reference import correlations
from sidecar.profile.joint_window import JointPane

WIDTH = 3
DIMENSION = 5
SPACE = JointSpace(tuple("abc"), np.arange(WIDTH), np.tile([0.5, 2.0**-13], (WIDTH, 1)))
LAYOUT = lay_out(WIDTH + DIMENSION, [("e", WIDTH, DIMENSION)])
PHASES = make_phases(2.0)

values = st.one_of(st.floats(width=64), st.floats(-4.0, 4.0), st.sampled_from([0.0, 1e6, -1e300]))
blocks = arrays(np.float64, st.tuples(st.integers(0, 8), st.just(WIDTH + DIMENSION)), elements=values)


def pane_of(rows):
    """One pane of some rows, all at once."""
    pane = JointPane.empty(0, 1, WIDTH, 1)
    features, (vectors,) = LAYOUT.reduce(np.ascontiguousarray(rows))
    fill = JointFill(SPACE)
    fill.add(features, pane.joint)
    fill.flush(pane.joint)
    pane.vectors[0].add(vectors.products, vectors.states, PHASES)
    return pane


def packed(pane):
    return msgspec.msgpack.encode(pane.to_state())


@given(st.lists(blocks, min_size=1, max_size=6), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_any_grouping_of_merges_gives_the_same_bytes(parts, random):
    whole = packed(pane_of(np.concatenate(parts)))
    panes = [pane_of(part) for part in parts]
    random.shuffle(panes)
    while len(panes) > 1:
        left = panes.pop(random.randrange(len(panes)))
        right = panes.pop(random.randrange(len(panes)))
        left.merge(right)
        panes.append(left)
    assert packed(panes[0]) == whole


@given(blocks, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_rows_in_any_order_give_the_same_bytes(rows, random):
    order = list(range(len(rows)))
    random.shuffle(order)
    assert packed(pane_of(rows[order])) == packed(pane_of(rows))


@given(blocks)
@settings(deadline=None)
def test_state_goes_through_msgpack_unchanged(rows):
    pane = pane_of(rows)
    again = JointPane.from_state(msgspec.msgpack.decode(packed(pane)), WIDTH, 1)
    assert packed(again) == packed(pane)
    assert again.joint.gaps.tolist() == pane.joint.gaps.tolist()


@given(blocks)
@settings(deadline=None)
def test_correlations_are_none_or_between_minus_one_and_one(rows):
    n, found = correlations(pane_of(rows).joint)
    assert np.all(np.isnan(found) | (np.abs(found) <= 1.0))
    assert np.array_equal(found, found.T, equal_nan=True)
    assert np.all(n <= len(rows))
    assert np.all(n >= 0)


@given(blocks, st.integers(0, WIDTH - 1), st.floats(allow_nan=True))
@settings(deadline=None)
def test_one_row_moves_no_sum_by_more_than_the_rim(rows, column, wild):
    """The share of one row in n, whatever is in it."""
    if not len(rows):
        return
    changed = rows.copy()
    changed[0, column] = wild
    before, after = pane_of(rows).joint, pane_of(changed).joint
    assert np.abs(after.sums - before.sums).max() <= 2 * LIMIT
    assert np.abs(after.products - before.products).max() <= 2 * LIMIT**2


@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=20)
def test_pairs_are_consistent_however_many_gaps(n, seed):
    """Cauchy and Schwarz hold for the rows of every pair, exactly."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, WIDTH))
    rows[rng.random(rows.shape) < 0.4] = np.nan
    sums = JointSums.empty(WIDTH)
    fill = JointFill(SPACE)
    fill.add(rows, sums)
    fill.flush(sums)
    pairs, first, squares, products = sums.pairs()
    assert np.all(pairs.astype(object) * squares >= first.astype(object) ** 2)
    assert np.all(squares.astype(object) * squares.T.astype(object) >= products.astype(object) ** 2)

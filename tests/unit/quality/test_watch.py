from __future__ import annotations

import tracemalloc

import msgpack
import numpy as np
import pytest

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.repeats import BLOCK_ROWS
from sidecar.quality.rates import FEATURE_KINDS, LEARN_BLOCKS, LEARN_MESSAGES
from sidecar.quality.watch import QualityWatch

S = 1_000_000_000
SPECS = (
    FeatureSpec("a", "input", "numeric"),
    FeatureSpec("b", "input", "numeric"),
    FeatureSpec("c", "input", "categorical"),
)
RATES = [(kind, spec.name) for kind in FEATURE_KINDS for spec in SPECS]


def rows_of(seed, n):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(size=n), rng.normal(size=n).clip(-3, 3), rng.integers(1, 3, size=n)])


def reference():
    sample = rows_of(0, 2000)
    sample[:4, 0] = 0.0, 1.0, np.nan, 0.5
    sample[:2, 1] = -3.0, 3.0
    return learn_reference(SPECS, sample, [(), (), ("x", "y")])


def watch(features=None):
    return QualityWatch(SPECS, reference() if features is None else features, 300 * S)


def found(watched, kind, feature=None):
    return next(c for c in watched.counts() if (c.rate.name, c.rate.feature) == (kind, feature))


def test_every_kind_is_counted():
    watched, rows = watch(), rows_of(1, 1000)
    rows[:10, 0] = np.nan
    rows[10:15, 0] = TYPE_ERROR_NAN
    rows[15:18, 0] = [2.0, -1.0, np.inf]
    rows[:7, 2] = [-5.0, -5.0, 0.0, 3.0, TYPE_ERROR_NAN, np.nan, 1.0]
    watched.fill(rows, 0)
    counted = {(c.rate.name, c.rate.feature): (c.successes, c.trials) for c in watched.counts()}
    assert counted["missing", "a"] == (10, 1000)
    assert counted["type_error", "a"] == (5, 1000)
    assert counted["out_of_range", "a"] == (3, 985)
    assert counted["out_of_range", "b"] == (0, 1000)
    assert counted["unseen", "c"] == (4, 998)
    assert counted["type_error", "c"] == (1, 1000)
    assert counted["constant", "a"] == (0, 3)  # 3 whole blocks of 256
    assert counted["duplicate_rows", None] == (0, 3 * BLOCK_ROWS)
    assert ("constant", "c") not in counted
    assert ("unseen", "a") not in counted


@pytest.mark.parametrize("pieces", [1, 3, 400])
def test_pieces_are_counted_as_the_whole(pieces):
    rows = rows_of(2, 1100)
    rows[rows[:, 0] < 0.2] = rows[0]
    rows[300:900, 1] = 0.25
    whole, parts = watch(), watch()
    whole.fill(rows, 0)
    for piece in np.array_split(rows, pieces):
        parts.fill(np.ascontiguousarray(piece), 0)
    assert parts.to_state() == whole.to_state()
    assert found(whole, "constant", "b").successes == 2  # blocks that end at 512 and 768 with runs >= 200
    assert found(whole, "duplicate_rows").successes > 100


def test_a_detector_is_given_what_came_since_it_asked():
    watched, rows = watch(), rows_of(3, 100)
    rows[:4, 0] = 9.0
    place = RATES.index(("out_of_range", "a"))
    watched.fill(rows, 0)
    successes, trials = watched.take().T
    assert (successes[place], trials[place]) == (4, 100)
    assert watched.rates[place].feature == "a"
    assert watched.pending().sum() == 0
    watched.fill(rows[:10], S)
    assert watched.pending()[place].tolist() == watched.take()[place].tolist() == [4, 10]


def test_repeated_rows_are_learnt_first_and_then_counted_a_block_a_trial():
    watched = watch()
    rng = np.random.default_rng(4)
    assert watched.rates[-2].reference_share is None
    for _ in range(LEARN_BLOCKS):
        rows = rows_of(int(rng.integers(2**40)), BLOCK_ROWS)
        rows[:32] = rows[32:64]
        watched.fill(rows, 0)
    assert watched.take()[-2, 1] == 0
    assert (watched.rates[-2].reference_share, watched.rates[-2].reference_rows) == (0.125, LEARN_BLOCKS)
    rows[:64] = rows[64:128]
    watched.fill(rows, S)
    successes, trials = watched.take().T
    assert (successes[-2], trials[-2]) == (0.25, 1)


def test_constant_blocks_are_learnt_first_and_then_counted():
    watched, place = watch(), RATES.index(("constant", "b"))
    for at in range(LEARN_BLOCKS):
        rows = rows_of(at, BLOCK_ROWS)
        rows[:, 1] = 1.0 if at % 8 == 0 else rows[:, 1]
        watched.fill(rows, 0)
    assert watched.rates[place].reference_share == 0.125
    assert watched.rates[RATES.index(("constant", "a"))].reference_share < 1e-10
    assert watched.take()[place].tolist() == [0, 0]
    rows[:, 1] = 2.0
    watched.fill(rows, 0)
    assert watched.take()[place].tolist() == [1, 1]


def test_shapes_are_learnt_first_and_then_counted():
    watched = watch()
    watched.take_messages(np.array([LEARN_MESSAGES, 100, 0, 0, 0, 100]), 0)
    assert watched.take()[-1, 1] == 0
    assert watched.rates[-1].reference_share == 0.1
    watched.take_messages(np.array([LEARN_MESSAGES + 50, 140, 40, 0, 0, 100]), 0)
    successes, trials = watched.take().T
    assert (successes[-1], trials[-1]) == (40, 50)
    assert found(watched, "shape").successes == 140


def test_different_rows_are_estimated():
    watched = watch()
    watched.fill(np.repeat(rows_of(5, 1000), 3, axis=0), 0)
    distinct, rows = watched.distinct_rows()
    assert rows == 3000
    assert distinct == pytest.approx(1000, rel=0.05)


def test_what_lies_before_the_horizon_is_no_longer_shown_but_stays_in_the_total():
    watched, rows = watch(), rows_of(6, 10)
    rows[:, 0] = 5.0
    watched.fill(rows, 0)
    watched.fill(rows, 400 * S)
    watched.expire(400 * S)
    count = found(watched, "out_of_range", "a")
    assert (count.successes, count.trials, count.total) == (10, 10, 20)


def test_features_that_are_learnt_later_are_watched_from_then_on():
    watched, rows = watch([None, None, None]), rows_of(7, 512)
    rows[:5, 0] = np.nan
    watched.fill(rows, 0)
    assert [count.rate.name for count in watched.counts()] == ["duplicate_rows", "shape"]
    watched.use(reference())
    rows[:, 1] = 99.0
    watched.fill(rows, S)
    assert found(watched, "out_of_range", "b").successes == 512
    missing = found(watched, "missing", "a")
    assert (missing.successes, missing.trials, missing.total) == (5, 512, 10)


@pytest.mark.parametrize("cut", [1, 300, 700])
def test_resumed_is_the_same(cut):
    rows = rows_of(8, 1000)
    rows[200:600, 0] = 0.5
    whole, first, resumed = watch(), watch(), watch()
    first.fill(rows[:cut], 0)
    whole.fill(rows[:cut], 0)
    resumed.restore(msgpack.unpackb(msgpack.packb(first.to_state())))
    for watched in (whole, resumed):
        watched.fill(rows[cut:], 20 * S)
    assert resumed.to_state() == whole.to_state()
    assert resumed.take().tolist() == whole.take().tolist()
    assert [(c.successes, c.trials) for c in resumed.counts()] == [
        (c.successes, c.trials) for c in whole.counts()
    ]


def test_a_checkpoint_of_other_features_is_refused():
    other = QualityWatch(SPECS[:2], reference()[:2], 300 * S)
    with pytest.raises(ValueError, match="broadcast"):
        watch().restore(other.to_state())


def test_no_features_and_no_rows():
    empty = QualityWatch((), (), S)
    empty.fill(np.empty((3, 0)), 0)
    empty.fill(np.empty((0, 0)), 0)
    assert empty.distinct_rows() == (pytest.approx(1.0, abs=0.01), 3)


def test_an_alarm_looks_at_the_rows_that_stand_for_their_message():
    watched, rows = watch(), rows_of(9, 1000)
    rows[::4, 0] = 50.0
    chosen = np.arange(1000) % 10 == 8
    watched.fill(rows, 0, chosen)
    assert watched.pending()[RATES.index(("out_of_range", "a"))].tolist() == [50, 100]
    assert found(watched, "out_of_range", "a").successes == 250


@pytest.mark.parametrize("width", [1, 100, 1000])
def test_memory_is_bounded_as_stated(width):
    specs = [FeatureSpec(f"f{at}", "input", "numeric") for at in range(width)]
    watched = QualityWatch(specs, [None] * width, 300 * S)
    rows = np.zeros((1, width))
    watched.fill(rows, 0)
    tracemalloc.start()
    for second in range(2, 2000, 2):
        watched.fill(rows, second * S)
        watched.expire(second * S)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held <= 1.1 * 33 * (4200 + 80 * width) + 20_000  # and what Python needs for the objects

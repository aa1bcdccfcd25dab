from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.repeats import BLOCK_ROWS, RepeatCounter


def hashes(seed, n, different=2**40):
    return np.random.default_rng(seed).integers(0, different, size=n).astype(np.uint64)


def fill(counter, words, step):
    start = 0
    while start < words.size:
        end = min(start + min(step, counter.room), words.size)
        counter.take(words[start:end])
        start = end
    return counter


@pytest.mark.parametrize("step", [1, 7, 256, 1000])
def test_repeats_are_counted_within_each_block(step):
    words = hashes(1, 1000, 300)
    counter = fill(RepeatCounter(), words, step)
    blocks = words[: 3 * BLOCK_ROWS].reshape(3, BLOCK_ROWS)
    assert counter.blocks == 3
    assert counter.repeats == sum(BLOCK_ROWS - np.unique(block).size for block in blocks)
    assert counter.room == 4 * BLOCK_ROWS - 1000


def test_share_does_not_depend_on_how_many_rows_are_looked_at():
    """Rows of 2,000 equally likely values: 6 % of a block repeat, and nearly all of a long stretch."""
    expected = 1 - 2000 * (1 - (1 - 1 / 2000) ** BLOCK_ROWS) / BLOCK_ROWS
    for rows, reach in ((10_240, 0.01), (102_400, 0.003)):
        counter = fill(RepeatCounter(), hashes(rows, rows, 2000), 4096)
        assert counter.repeats / (counter.blocks * BLOCK_ROWS) == pytest.approx(expected, abs=reach)


@pytest.mark.parametrize("cut", [0, 100, 256, 700])
def test_resumed_is_the_same(cut):
    words = hashes(4, 900, 200)
    first = fill(RepeatCounter(), words[:cut], 64)
    resumed = RepeatCounter()
    resumed.restore(first.to_state())
    whole = fill(RepeatCounter(), words, 64)
    assert fill(resumed, words[cut:], 64).to_state() == whole.to_state()

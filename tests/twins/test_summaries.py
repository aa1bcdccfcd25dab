"""The summaries' kernels against their plain twins on random inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernels import exponential, hashing, hyperloglog, runs, scores, space_saving
from tests.twins import plain_summaries as plain


@pytest.mark.parametrize("size", [*range(70), 222, 1000])
def test_hash_is_the_specification_s(size):
    octets = np.random.default_rng(size).integers(0, 256, size=size, dtype=np.uint8)
    for seed in (0, 1, 2654435761, 2**64 - 1):
        found = int(hashing.hash_octets(octets, np.uint64(seed)))
        assert found == plain.xxh64(octets.tobytes(), seed)


@pytest.mark.parametrize("width", range(1, 12))
def test_row_hash_is_that_of_the_row_s_bytes(width):
    rows = np.random.default_rng(width).normal(size=(9, width))
    hashes = np.empty(9, dtype=np.uint64)
    hashing.fill_row_hashes(rows, hashes)
    assert hashes.tolist() == [plain.xxh64(row.tobytes()) for row in rows]


@pytest.mark.parametrize("n", [0, 1, 300, 5000])
def test_registers_and_estimate(n):
    hashes = np.random.default_rng(n).integers(0, 2**64, size=n, dtype=np.uint64)
    registers = hyperloglog.empty_registers()
    hyperloglog.fill_registers(hashes, registers)
    assert registers.tolist() == plain.registers(hashes).tolist()
    assert hyperloglog.estimate(registers) == pytest.approx(plain.distinct(registers), rel=1e-12)


def test_estimate_of_registers_that_are_nearly_full():
    rng = np.random.default_rng(8)
    for highest in (20, 53):
        registers = rng.integers(0, highest + 1, size=hyperloglog.REGISTERS, dtype=np.uint8)
        assert hyperloglog.estimate(registers) == pytest.approx(plain.distinct(registers), rel=1e-12)


@pytest.mark.parametrize("counters", [1, 3, 64])
@pytest.mark.parametrize("seed", range(3))
def test_space_saving_is_the_paper_s(seed, counters):
    keys = np.random.default_rng(seed).zipf(1.3, size=700).astype(np.int64) % 500
    table = space_saving.empty_table(counters)
    space_saving.fill_table(keys, table)
    # places are taken from the last one on, so the twin's list is the table backwards
    assert table.T[::-1].tolist() == plain.space_saving(keys.tolist(), counters)


@pytest.mark.parametrize("scale", range(-10, 21))
def test_index_at_and_beside_every_kind_of_border(scale):
    rng = np.random.default_rng(scale + 10)
    values = [*np.exp2(rng.uniform(-1022, 1023.9, size=40)).tolist(), *rng.uniform(1, 2, size=20).tolist()]
    for _ in range(40):  # the float64 next to a border, and its neighbours
        border = 2.0 ** (int(rng.integers(0, 2 ** max(scale, 0) + 1)) / 2 ** max(scale, 0))
        border *= 2.0 ** int(rng.integers(-30, 30))
        values += [border, np.nextafter(border, 0.0), np.nextafter(border, np.inf)]
    for value in values:
        assert exponential.exponential_index(value, scale) == plain.exponential_index(float(value), scale)


def test_table_of_borders_is_that_of_whole_number_roots():
    """The 256th root of 2^(j + 256 * 52) rounded down, by eight square roots."""
    for j, border in enumerate(exponential._BORDERS.tolist()):
        power = 1 << (j + 256 * 52)
        for _ in range(8):
            power = math.isqrt(power)
        assert border == power - (1 << 52)


@pytest.mark.parametrize("bins", [1, 32, 256, 1024])
def test_scores_by_class(bins):
    rng = np.random.default_rng(bins)
    values = np.concatenate(
        [rng.uniform(-0.1, 1.1, size=500), np.arange(bins + 1) / bins, [np.nan, 0.0, 1.0]]
    )
    classes = rng.integers(-1, 4, size=values.size)
    counts = np.zeros((4, bins + scores.EXTRA_LANES), dtype=np.int64)
    scores.fill_scores(classes, values, counts)
    for k in range(3):
        assert counts[k].tolist() == plain.score_lanes(values[classes == k], bins)
    assert counts[3].tolist() == plain.score_lanes(values[(classes < 0) | (classes > 2)], bins)


def test_pairs_of_scores():
    rng = np.random.default_rng(5)
    first, second = rng.uniform(-0.1, 1.1, size=(2, 2000))
    first[:9] = np.nan
    side = scores.JOINT_BINS + scores.EXTRA_LANES
    counts = np.zeros((side, side), dtype=np.int64)
    scores.fill_joint(first, second, counts)
    assert counts.sum(axis=1).tolist() == plain.score_lanes(first, scores.JOINT_BINS)
    assert counts.sum(axis=0).tolist() == plain.score_lanes(second, scores.JOINT_BINS)
    inside = (first >= 0) & (first <= 1) & (second >= 0) & (second <= 1)
    expected = np.histogram2d(first[inside], second[inside], bins=32, range=[(0, 1), (0, 1)])[0]
    assert counts[1:33, 1:33].tolist() == expected.tolist()


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_kappa_and_its_deviation(classes):
    rng = np.random.default_rng(classes)
    first = rng.integers(0, classes, size=400)
    second = np.where(rng.random(400) < 0.6, first, rng.integers(0, classes, size=400))
    table = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    scores.fill_confusion(first, second, table)
    assert table[-1].sum() == table[:, -1].sum() == 0
    agreement, margins = np.empty(4), np.empty((2, classes), dtype=np.int64)
    scores.fill_agreement(np.ascontiguousarray(table[:-1, :-1]), margins, agreement)
    kappa, deviation = plain.kappa(table[:-1, :-1].astype(float))
    assert agreement[scores.AGREEMENT] == pytest.approx((first == second).mean(), abs=1e-15)
    assert agreement[scores.KAPPA] == pytest.approx(kappa, abs=1e-12)
    for power in (1.0, 2.0):
        weighted = scores.weighted_kappa(np.ascontiguousarray(table[:-1, :-1]), margins, power)
        assert weighted == pytest.approx(plain.weighted_kappa(table[:-1, :-1], power), abs=1e-12)
    # numerical derivatives of a step of 1e-6 are good for nine digits
    assert agreement[scores.KAPPA_DEVIATION] == pytest.approx(deviation, rel=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_runs_and_outside(seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, size=(400, 4)).astype(float)
    rows[-50:, 1] = 7.0
    rows[rng.random(rows.shape) < 0.2] = np.nan
    rows[:, 3] = np.nan
    ranges = np.array([[0.5, 1.5], [0.0, 2.0], [-np.inf, np.inf], [0.0, 0.0]])
    latest, lengths = np.full(4, np.nan), np.zeros(4, dtype=np.int64)
    tallies = np.zeros((4, runs.TALLIES), dtype=np.int64)
    for block in np.array_split(rows, 7):
        runs.fill_runs(block, ranges, latest, lengths, tallies)
    for f in range(4):
        value, length = plain.runs(rows[:, f])
        assert lengths[f] == length
        assert latest[f] == value or (math.isnan(latest[f]) and math.isnan(value))
        column = rows[:, f]
        below, above = (column < ranges[f, 0]).sum(), (column > ranges[f, 1]).sum()
        assert tallies[f].tolist() == [below, above, (~np.isnan(column)).sum(), 0]

from __future__ import annotations

import numpy as np
import pytest

from kernels.hyperloglog import (
    MOST,
    REGISTERS,
    RELATIVE_ERROR,
    empty_registers,
    estimate,
    fill_registers,
    merge_registers,
)


def registers_of(hashes):
    registers = empty_registers()
    fill_registers(hashes, registers)
    return registers


def random_hashes(seed, n):
    return np.random.default_rng(seed).integers(0, 2**64, size=n, dtype=np.uint64)


def test_no_values():
    assert estimate(empty_registers()) == 0.0


def test_all_registers_full_is_beyond_counting():
    assert estimate(np.full(REGISTERS, MOST, dtype=np.uint8)) == np.inf


def test_the_ends_of_the_hash():
    registers = registers_of(np.array([0, 2**64 - 1, 1], dtype=np.uint64))
    assert (registers[0], registers[-1]) == (MOST, 1)  # 0 has 52 zeros behind its place, 1 only 51
    assert registers[1:-1].sum() == 0


@pytest.mark.parametrize(("n", "repeats"), [(1, 60), (30, 60), (1000, 60), (10_000, 60), (50_000, 25)])
def test_estimates_are_unbiased_and_within_their_error(n, repeats):
    """Bounds of 4 standard errors: of the mean for the bias, of the mean of squares for the error."""
    relative = np.array([estimate(registers_of(random_hashes(seed, n))) / n - 1.0 for seed in range(repeats)])
    assert abs(relative.mean()) <= 4 * RELATIVE_ERROR / np.sqrt(repeats)
    assert np.sqrt(np.square(relative).mean()) <= RELATIVE_ERROR * (1 + 4 / np.sqrt(2 * repeats))


def test_repeats_change_nothing():
    hashes = random_hashes(1, 500)
    assert registers_of(np.tile(hashes, 3)).tolist() == registers_of(hashes).tolist()


def test_merged_is_filled_at_once():
    hashes = random_hashes(2, 3000)
    merged = registers_of(hashes[:1700])
    merge_registers(merged, registers_of(hashes[900:]))
    assert merged.tolist() == registers_of(hashes).tolist()

"""XXH64 against the values that xxHash publishes for its own sanity check (cli/xsum_sanity_check.c)."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.hashing import count_repeats, fill_row_hashes, hash_octets
from kernels.lanes import TYPE_ERROR_NAN

PRIME = 2654435761  # xxHash's PRIME32, its second seed
PUBLISHED = [
    (0, 0, 0xEF46DB3751D8E999),
    (0, PRIME, 0xAC75FDA2929B17EF),
    (1, 0, 0xE934A84ADB052768),
    (1, PRIME, 0x5014607643A9B4C3),
    (4, 0, 0x9136A0DCA57457EE),
    (14, 0, 0x8282DCC4994E35C8),
    (14, PRIME, 0xC3BD6BF63DEB6DF0),
    (222, 0, 0xB641AE8CB691C174),
    (222, PRIME, 0x20CB8AB7AE10C14A),
]


def sanity_buffer(size):
    state, octets = PRIME, bytearray()
    for _ in range(size):
        octets.append(state >> 56)
        state = state * 11400714785074694797 % 2**64
    return np.frombuffer(bytes(octets), dtype=np.uint8)


def row_hashes(rows):
    hashes = np.empty(len(rows), dtype=np.uint64)
    fill_row_hashes(np.array(rows, dtype=np.float64), hashes)
    return hashes.tolist()


@pytest.mark.parametrize(("size", "seed", "expected"), PUBLISHED)
def test_published_values(size, seed, expected):
    assert int(hash_octets(sanity_buffer(size), np.uint64(seed))) == expected


@pytest.mark.parametrize("width", [1, 3, 4, 7])
def test_zero_has_one_hash_whatever_its_sign(width):
    plus, minus, other = row_hashes([[0.0] * width, [-0.0] * width, [5e-324] * width])
    assert plus == minus != other


def test_missing_values_are_equal_whatever_their_bits_but_no_type_error():
    odd = np.array([0xFFF8_0000_0000_0123, 0x7FF8_0000_0000_0000], dtype=np.uint64).view(np.float64)
    rows = [[1.0, odd[0]], [1.0, odd[1]], [1.0, TYPE_ERROR_NAN], [1.0, np.inf]]
    missing, also_missing, type_error, infinite = row_hashes(rows)
    assert missing == also_missing
    assert len({missing, type_error, infinite}) == 3


def test_place_and_number_of_the_columns_count():
    assert len({*row_hashes([[1.0, 2.0], [2.0, 1.0]]), *row_hashes([[1.0], [2.0]])}) == 4


def test_a_read_only_view_is_hashed():
    rows = np.arange(8.0).reshape(2, 4)
    expected = row_hashes(rows)
    rows.setflags(write=False)
    hashes = np.empty(2, dtype=np.uint64)
    fill_row_hashes(rows, hashes)
    assert hashes.tolist() == expected


@pytest.mark.parametrize("different", [0, 1, 2, 100, 256])
def test_repeats_are_rows_less_different_ones(different):
    rng = np.random.default_rng(different)
    pool = rng.integers(0, 2**64, size=different, dtype=np.uint64)
    if different > 1:
        pool[:2] = 0, 512  # zero is a hash like any other, and 0 and 512 want one place
    hashes = rng.permutation(
        np.concatenate([pool, rng.choice(pool, size=256 - different)]) if different else pool
    )
    scratch = np.full((2, 512), 7, dtype=np.uint64)
    assert count_repeats(hashes, scratch[0], scratch[1]) == hashes.size - different

from __future__ import annotations

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.priority import fingerprint, mixed, row_order, row_priorities


def test_priorities_are_splitmix64():
    """The first draws of seed 0, as in Vigna's reference implementation splitmix64.c."""
    assert [hex(value) for value in row_priorities(0, 0, 3).tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
    ]


def test_a_row_has_its_priority_whoever_reads_it():
    whole = row_priorities(77, 0, 100)
    parts = [row_priorities(77, start, 10) for start in range(0, 100, 10)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert not np.array_equal(row_priorities(78, 0, 100), whole)


def test_priorities_are_spread_evenly():
    shares = row_priorities(5, 0, 100_000) / 2.0**64
    cells = np.bincount((shares * 10).astype(int), minlength=10)
    assert np.abs(cells - 10_000).max() < 500  # sd 95


def test_mixing_loses_nothing():
    assert np.unique(mixed(np.arange(100_000, dtype=np.uint64))).size == 100_000


def test_fingerprint_is_of_the_bytes_and_not_of_the_name(tmp_path):
    for name, data in (
        ("a", b"x" * 200_000),
        ("b", b"x" * 200_000),
        ("c", b"x" * 199_999 + b"y"),
        ("d", b""),
    ):
        (tmp_path / name).write_bytes(data)
    a, b, c, d = (fingerprint(tmp_path / name) for name in "abcd")
    assert a == b
    assert len({a, c, d}) == 3


def test_file_that_is_not_there(tmp_path):
    with pytest.raises(BadReference) as caught:
        fingerprint(tmp_path / "no.csv")
    assert (
        str(caught.value) == f"{tmp_path / 'no.csv'}: expected a readable file, got No such file or directory"
    )


def test_order_of_rows_depends_on_what_they_hold():
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(200, 3))
    matrix[::7, 1] = np.nan
    shuffled = matrix[rng.permutation(200)]
    assert np.array_equal(matrix[row_order(matrix)], shuffled[row_order(shuffled)], equal_nan=True)
    ranks = matrix[row_order(matrix), 0].argsort().argsort()
    assert abs(np.corrcoef(ranks, np.arange(200))[0, 1]) < 0.3  # no order by value: sd 0.07

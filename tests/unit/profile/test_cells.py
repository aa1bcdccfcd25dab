from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.cells import Cells, hashed_texts, join_arrays, join_texts, join_written


@pytest.mark.parametrize("values", [["a", None, "", "bc"], ["ü", "x", None], []])
def test_texts_side_by_side(values):
    texts = join_texts(values)
    assert texts.present.tolist() == [value is not None for value in values]
    assert [texts.text(row) for row, value in enumerate(values) if value is not None] == [
        value for value in values if value is not None
    ]
    assert texts.hashes.size == len(values)


def test_equal_texts_have_equal_hashes_however_they_were_joined():
    texts = join_texts(["x", "é", "x"])
    assert texts.hashes[0] == texts.hashes[2] == join_texts(["x"]).hashes[0]
    octets = np.frombuffer(b"__x", dtype=np.uint8)
    apart = hashed_texts(octets, np.array([2, 3]), np.array([1], dtype=np.uint8))
    assert apart.hashes[0] == texts.hashes[0]


def test_numbers_in_letters_of_their_own_keep_them():
    present = np.ones(4, dtype=np.uint8)
    cells = join_written(["1", "01", "x", "2.5"], np.array([1.0, 1.0, np.nan, 2.5]), present)
    assert cells.texts.present.tolist() == [False, True, True, False]
    assert (cells.texts.text(1), cells.texts.text(2)) == ("01", "x")
    assert join_written(["1", "2.5"], np.array([1.0, 2.5]), present[:2]).texts is None


def test_arrays_become_norms():
    cells = join_arrays(np.array([3.0, 4.0, 1.0, 2.0, 2.0]), np.array([2, 0, 3]))
    assert cells.numbers == pytest.approx([5.0, np.nan, 3.0], nan_ok=True)
    assert cells.dimensions.tolist() == [2, 0, 3]
    assert cells.rows == 3


def test_a_norm_does_not_depend_on_its_neighbours():
    values = np.random.default_rng(1).normal(size=(50, 384))
    together = join_arrays(values.ravel(), np.full(50, 384))
    alone = [join_arrays(row, np.array([384])).numbers[0] for row in values]
    assert together.numbers.tolist() == alone


def test_a_norm_that_overflows_is_infinite():
    assert join_arrays(np.array([1e300, 1e300]), np.array([2])).numbers.tolist() == [np.inf]


def test_rows_of_bare_numbers():
    assert Cells(np.zeros(4)).rows == 4

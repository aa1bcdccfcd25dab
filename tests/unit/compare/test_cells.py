from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.compare.cells import fill_cells, fill_sums, pack_cells, pack_sums


@given(st.lists(st.sampled_from([0, 0, 0, 1, 300, 70_000, 2**40]), max_size=40))
def test_what_was_packed_is_filled_in_again(counts):
    given_counts = np.array(counts, dtype=np.int64)
    filled = np.zeros_like(given_counts)
    fill_cells(pack_cells(given_counts), filled)
    assert filled.tolist() == counts


@given(st.lists(st.sampled_from([0.0, 0.0, 0.5, 1 / 3, 1e300]), max_size=40))
def test_sums_are_the_same_bit_by_bit(sums):
    given_sums = np.array(sums).reshape(1, -1)
    filled = np.zeros_like(given_sums)
    fill_sums(pack_sums(given_sums), filled)
    assert filled.tobytes() == given_sums.tobytes()


def test_empty_cells_take_nothing():
    counts = np.zeros((3, 8194), dtype=np.int64)
    counts[1, 7] = 255
    assert [len(part) for part in pack_cells(counts)] == [4, 2]


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([0, 1], b"\x01\x05"),
        ([0], b"\x01\x05\x05"),
        ([9], b"\x01\x05"),
        ([1, 1], b"\x01\x05\x05"),
        ([2, 1], b"\x01\x05\x05"),
        ([], b""),
    ],
    ids=["one for all", "too many", "beyond", "twice", "falling", "nothing"],
)
def test_what_does_not_fit_is_refused(places, found):
    packed = np.array(places, dtype="<u4").tobytes(), found
    with pytest.raises(ValueError, match=r"cells that are none|counts without a size"):
        fill_cells(packed, np.zeros(9, dtype=np.int64))


def test_places_and_sums_are_whole_ones():
    for packed in ((b"\x00", b""), (b"", b"\x00"), (b"\x00" * 4, b"")):
        with pytest.raises(ValueError, match=r"cells that are none|buffer size"):
            fill_sums(packed, np.zeros(9))

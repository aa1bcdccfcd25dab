from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.packing import pack_counts, unpack_counts


@pytest.mark.parametrize(
    ("largest", "size"), [(0, 1), (255, 1), (256, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (2**62, 8)]
)
def test_counts_take_as_few_bytes_as_the_largest_needs(largest, size):
    counts = np.array([largest, 0, 7 % (largest + 1)])
    packed = pack_counts(counts)
    assert len(packed) == 1 + 3 * size
    assert unpack_counts(packed).tolist() == counts.tolist()


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "counts without a size"),
        (b"\x03abc", "counts of 3 bytes"),
        (b"\x04abc", "buffer size must be a multiple of element size"),
        (b"\x08" + b"\xff" * 8, "counts below 0"),
    ],
)
def test_other_bytes(packed, message):
    with pytest.raises(ValueError, match=message):
        unpack_counts(packed)


def test_no_counts_at_all():
    assert unpack_counts(pack_counts(np.empty(0, dtype=np.int64))).tolist() == []

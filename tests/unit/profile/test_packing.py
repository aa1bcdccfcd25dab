from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.packing import pack_counts, unpack_counts


@pytest.mark.parametrize(("largest", "size"), [(0, 1), (255, 1), (256, 2), (65536, 4), (2**40, 8)])
def test_counts_take_as_few_bytes_as_the_largest_needs(largest, size):
    counts = np.array([largest, 0, 7 % (largest + 1)])
    packed = pack_counts(counts)
    assert len(packed) == 1 + 3 * size
    assert unpack_counts(packed).tolist() == counts.tolist()


@pytest.mark.parametrize("packed", [b"", b"\x03abc"])
def test_other_bytes(packed):
    with pytest.raises(ValueError, match="counts of an unknown size"):
        unpack_counts(packed)

"""Counts as bytes: mostly small numbers in as few bytes as the largest of them needs."""

from __future__ import annotations

import numpy as np

from kernels.binning import I64


def pack_counts(counts: I64) -> bytes:
    """Bytes of counts.

    Args:
        counts: any shape, int64, each >= 0.

    Returns:
        One byte that says how many bytes a count takes (1, 2, 4 or 8), and the counts, little-endian.
    """
    largest = int(counts.max(initial=0))
    size = next((size for size in (1, 2, 4) if largest < 256**size), 8)
    return bytes([size]) + counts.astype(f"<u{size}").tobytes()


def unpack_counts(packed: bytes) -> I64:
    """What `pack_counts` packed.

    Args:
        packed: from there.

    Returns:
        Shape (n,), int64.

    Raises:
        ValueError: it is something else.
    """
    if not packed or packed[0] not in (1, 2, 4, 8):
        raise ValueError("counts of an unknown size")
    return np.frombuffer(packed, dtype=f"<u{packed[0]}", offset=1).astype(np.int64)

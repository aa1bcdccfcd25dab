"""Histograms and tables for a checkpoint: the places that are not 0, and what is there.

Most cells of most histograms are empty: of 8,194 cells, a day of latencies takes some hundred.
"""

from __future__ import annotations

import numpy as np

from sidecar.compare.histogram import F64, I64
from sidecar.compare.state import Cells
from sidecar.profile.packing import pack_counts, unpack_counts


def pack_cells(counts: I64) -> Cells:
    """Counts for a checkpoint.

    Args:
        counts: any shape, int64, each >= 0.

    Returns:
        The places that are not 0 (rising, unsigned, four bytes each, little-endian) and their counts
        (`sidecar.profile.packing.pack_counts`).
    """
    flat = counts.reshape(-1)
    places = np.flatnonzero(flat)
    return places.astype("<u4").tobytes(), pack_counts(flat[places])


def fill_cells(packed: Cells, counts: I64) -> None:
    """Goes on from a checkpoint.

    Args:
        packed: from `pack_cells`.
        counts: of the shape that was packed, all 0; filled.

    Raises:
        ValueError: it is damaged or of another shape.
    """
    found = unpack_counts(packed[1])
    counts.reshape(-1)[_places(packed[0], found.size, counts.size)] = found


def pack_sums(sums: F64) -> Cells:
    """Sums for a checkpoint.

    Args:
        sums: any shape, float64.

    Returns:
        As `pack_cells`, with float64, little-endian, in place of counts.
    """
    flat = sums.reshape(-1)
    places = np.flatnonzero(flat)
    return places.astype("<u4").tobytes(), flat[places].astype("<f8").tobytes()


def fill_sums(packed: Cells, sums: F64) -> None:
    """Goes on from a checkpoint; as `fill_cells`.

    Args:
        packed: from `pack_sums`.
        sums: of the shape that was packed, all 0; filled.

    Raises:
        ValueError: it is damaged or of another shape.
    """
    found = np.frombuffer(packed[1], dtype="<f8")
    sums.reshape(-1)[_places(packed[0], found.size, sums.size)] = found


def _places(packed: bytes, n_places: int, size: int) -> I64:
    places = np.frombuffer(packed, dtype="<u4").astype(np.int64)
    if places.size != n_places or np.any(np.diff(places) <= 0) or places.max(initial=0) >= max(1, size):
        raise ValueError("cells that are none")
    return places
